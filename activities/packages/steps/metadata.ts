import { FINDINGS } from "../../../domain/packages.ts";
import type { Finding } from "../../../domain/packages.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type { ArchiveFinding, ArchiveListing } from "../../../platform/archive.ts";
import { inTransaction } from "../../../models/database.ts";
import { addFacts } from "../../../models/packages/index.ts";
import { StepFailure } from "../attempt.ts";
import type { Artefact } from "../contract.ts";
import { readBundle } from "./bundle.ts";
import { keepApkIcon } from "./icon.ts";
import { reportFindings } from "./findings.ts";
import { fetchInput, inputFailure, runTool, toolFailure } from "./work.ts";
import type { StepWork } from "./work.ts";

/** What nobody may be given, whoever looked at it: the sentences end in the entry's name. */
const FAULTS: Partial<Record<ArchiveFinding, string>> = {
  "unsafe-name": "The archive would write outside its folder:",
  "second-manifest": "Installers disagree about which entry counts, for there is more than one",
};

/** Reads what the package says of itself; a package that cannot be read is bad content. */
export async function runMetadata(work: StepWork): Promise<Artefact> {
  const facts = {
    ...(await readStructure(work)),
    ...(work.type === "apk" ? await readApk(work) : {}),
    ...(work.type === "ipa" ? await readBundle(work) : {}),
  };
  await inTransaction(work.tools.database, (transaction) =>
    // The icon of something else must not leave through this version's open door.
    addFacts(work.versionId, facts, transaction, { ofOtherBytes: work.isKept === true }),
  );
  return work.input;
}

async function readStructure(work: StepWork): Promise<Record<string, unknown>> {
  const { tools, input, say } = work;
  const object = await tools.objects.open(input.key);
  if (!object) throw inputFailure(work, "is not in the store");
  try {
    const archive = await tools.readArchive(object);
    say(`${archive.entries} entries, ${archive.uncompressedBytes} bytes when unpacked`);
    for (const { finding, count, names } of archive.findings) {
      say(`${finding}: ${count} entries, as ${names.slice(0, 3).join(", ")}`);
      const fault = FAULTS[finding];
      if (fault) throw new StepFailure("content", `${fault} ${names[0]}.`);
    }
    await reportFindings(work, { scanner: "A look into the archive", signatures: null }, [
      ...encryptedIn(archive),
      ...bombIn(archive, input.bytes),
    ]);
    const findings = archive.findings.map(({ finding, count }) => ({ finding, count }));
    return {
      entries: archive.entries,
      uncompressed_bytes: archive.uncompressedBytes,
      ...(findings.length > 0 && { findings }),
    };
  } finally {
    await object.close();
  }
}

function encryptedIn({ findings }: ArchiveListing): Finding[] {
  return findings
    .filter(({ finding }) => finding === "encrypted")
    .map(({ count, names }) => ({
      name: "encrypted",
      detail: `${FINDINGS.encrypted} ${count} of them, as ${names.slice(0, 3).join(", ")}.`,
    }));
}

function bombIn({ uncompressedBytes }: ArchiveListing, bytes: number): Finding[] {
  const most = Math.max(LIMITS.archiveUnpackedBytes, LIMITS.archiveRatio * bytes);
  if (uncompressedBytes <= most) return [];
  const detail = `${FINDINGS.oversize} ${bytes} bytes unpack to ${uncompressedBytes}.`;
  return [{ name: "oversize", detail }];
}

async function readApk(work: StepWork): Promise<Record<string, unknown>> {
  const end = await runTool(work, "aapt", ["dump", "badging", await fetchInput(work)]);
  if (end.exitCode !== 0) throw toolFailure("content", "aapt", end);
  return { ...parseBadging(end.lines), ...(await keepApkIcon(work, end.lines)) };
}

/** The facts in the output of `aapt dump badging`. Throws bad content when the package has no name. */
function parseBadging(lines: readonly string[]): Record<string, unknown> {
  const first = (pattern: RegExp) => {
    for (const line of lines) {
      const found = pattern.exec(line)?.[1];
      if (found !== undefined) return found;
    }
    return null;
  };
  const all = (pattern: RegExp) =>
    lines.map((line) => pattern.exec(line)?.[1]).filter((found) => found !== undefined);
  const packageName = first(/^package: name='([^']+)'/);
  if (!packageName) {
    throw new StepFailure("content", "The manifest names no package. Build the APK again.");
  }
  return {
    package_name: packageName,
    version_code: first(/^package: .*versionCode='([^']+)'/),
    version_name: first(/^package: .*versionName='([^']+)'/),
    min_sdk: first(/^sdkVersion:'([^']+)'/),
    target_sdk: first(/^targetSdkVersion:'([^']+)'/),
    label: first(/^application-label:'([^']+)'/),
    permissions: all(/^uses-permission: name='([^']*)'/),
  };
}
