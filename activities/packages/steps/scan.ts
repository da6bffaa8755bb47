import { FINDINGS } from "../../../domain/packages.ts";
import type { Finding } from "../../../domain/packages.ts";
import { LIMITS } from "../../../domain/limits.ts";
import { inTransaction } from "../../../models/database.ts";
import { noteScan } from "../../../models/packages/index.ts";
import { StepFailure } from "../attempt.ts";
import type { Artefact } from "../contract.ts";
import { reportFindings } from "./findings.ts";
import { configured, fetchInput, inputFailure, runTool, toolFailure } from "./work.ts";
import type { StepWork } from "./work.ts";

const MIB = 1024 * 1024;

const OPTIONS = [
  "--no-summary",
  "--infected",
  // Every finding, so that one that was approved hides no other.
  "--allmatch=yes",
  "--alert-exceeds-max=yes",
  "--alert-encrypted-archive=yes",
  `--max-filesize=${LIMITS.scannedFileBytes}`,
  `--max-scansize=${LIMITS.scannedBytes / MIB}M`,
  `--max-files=${LIMITS.archiveEntries}`,
  // The step's own limit ends it, and says so.
  "--max-scantime=0",
];

/** Names that ClamAV gives to what it did not look into. */
const NOT_SEEN: readonly [RegExp, keyof typeof FINDINGS][] = [
  [/^Heuristics\.Limits\./, "oversize"],
  [/^Heuristics\.Encrypted\./, "encrypted"],
];

/** What a scan of some bytes came to. */
interface ScanResult {
  scanner: string;
  /** The scanner's signatures, as people know them. */
  signatures: string;
  /** The digest of the signatures. */
  digest: string;
  /** What it ended with, if it was asked at all. */
  exitCode?: number;
  found: Finding[];
}

/** Looks for malware with ClamAV: what was found, or cannot be looked into, holds the version. */
export async function runScan(work: StepWork): Promise<Artefact> {
  const { tools, input, versionId } = work;
  const { found, digest, ...scanner } = await scan(work);
  await inTransaction(tools.database, (transaction) =>
    noteScan({ versionId, sha256: input.sha256, signatures: digest }, transaction),
  );
  await reportFindings(work, scanner, found);
  return input;
}

/**
 * Scans bytes with ClamAV. Its exit code 1 is a finding, and so is what it would not look into; others but 0 are a
 * broken scanner.
 */
export async function scan(work: StepWork): Promise<ScanResult> {
  const { tools, input } = work;
  const folder = configured(tools.settings.scanSignatures, "SCAN_SIGNATURES");
  const { digest, names: signatures } = await tools.readSignatures(folder);
  const scanner = { scanner: "The malware scan", signatures, digest };
  if (input.bytes > LIMITS.scannedFileBytes) return { ...scanner, found: await findUnseen(work) };
  const path = await fetchInput(work);
  const end = await runTool(work, "clamscan", [...OPTIONS, `--database=${folder}`, path], {
    readable: [folder],
  });
  if (end.exitCode !== 0 && end.exitCode !== 1) throw toolFailure("broken", "clamscan", end);
  const found = unlike(findingsIn(end.lines), await findUnseen(work));
  if (end.exitCode === 1 && found.length === 0) {
    throw new StepFailure("broken", "clamscan has found something and did not say what.", 1);
  }
  return { ...scanner, exitCode: end.exitCode, found };
}

/** What the archive itself says that ClamAV will not look into: it passes over some of it without a word. */
async function findUnseen(work: StepWork): Promise<Finding[]> {
  const { tools, input } = work;
  const object = await tools.objects.open(input.key);
  if (!object) throw inputFailure(work, "is not in the store");
  try {
    const looksInside = input.bytes <= LIMITS.scannedFileBytes;
    const archive = await tools.readArchive(object, { headers: looksInside });
    const { largestEntryBytes, uncompressedBytes, findings } = archive;
    const tooLarge =
      Math.max(input.bytes, largestEntryBytes) > LIMITS.scannedFileBytes ||
      uncompressedBytes > LIMITS.scannedBytes;
    const sizes = `${input.bytes} bytes unpack to ${uncompressedBytes}, one entry to ${largestEntryBytes}.`;
    return [
      ...(tooLarge ? [{ name: "oversize", detail: `${FINDINGS.oversize} ${sizes}` }] : []),
      ...findings
        .filter(({ finding }) => finding === "disguised")
        .map(({ count, names }) => ({
          name: "disguised",
          detail: `${FINDINGS.disguised} ${count} of them, as ${names.slice(0, 3).join(", ")}.`,
        })),
    ];
  } finally {
    await object.close();
  }
}

/** All findings, each name once. */
function unlike(...lists: Finding[][]): Finding[] {
  return [...new Map(lists.flat().map((finding) => [finding.name, finding])).values()];
}

/** What ClamAV says that it found. */
function findingsIn(lines: readonly string[]): Finding[] {
  const names = lines
    .map((line) => /: (\S+) FOUND$/.exec(line)?.[1])
    .filter((name) => name !== undefined);
  return names.map((said) => {
    const [, word] = NOT_SEEN.find(([pattern]) => pattern.test(said)) ?? [];
    return word
      ? { name: word, detail: `${FINDINGS[word]} ClamAV says ${said}.` }
      : { name: said, detail: "A signature of ClamAV matches." };
  });
}
