import { createHash } from "node:crypto";
import { FINDINGS, packageKeys } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import { clearVersion, keepArtefact, wasScanned } from "../../../models/packages/index.ts";
import { StepFailure } from "../attempt.ts";
import type { Artefact } from "../contract.ts";
import { reportFindings } from "./findings.ts";
import type { StepWork } from "./work.ts";

/**
 * Proves the final bytes once more and keeps them under the version's own key, which nobody writes again. From here
 * on the gate lets the version pass, unless it was to be scanned and was not.
 */
export async function runChecksums(work: StepWork): Promise<Artefact> {
  const { tools, input, packageId, versionId, say, signal } = work;
  const object = await tools.objects.open(input.key);
  if (!object) throw new StepFailure("broken", "The step's input is not in the store.");
  const sha256 = createHash("sha256");
  const md5 = createHash("md5");
  let bytes = 0;
  try {
    for await (const chunk of (await object.read()) as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      sha256.update(chunk);
      md5.update(chunk);
      bytes += chunk.length;
    }
  } finally {
    await object.close();
  }
  if (sha256.digest("hex") !== input.sha256 || bytes !== input.bytes) {
    throw new StepFailure("broken", "The built file was damaged on its way from the store.");
  }
  say(`sha256 ${input.sha256}`);
  say(`md5    ${md5.digest("hex")}`);
  say(`bytes  ${bytes}`);

  await assertScanned(work);
  const key = packageKeys.version(packageId, versionId, input.sha256);
  await tools.objects.discardUnfinished(key);
  await tools.objects.copy(input.key, key, { signal });
  const artefact = { key, bytes, sha256: input.sha256 };
  await inTransaction(tools.database, async (transaction) => {
    await keepArtefact(versionId, artefact, transaction);
    await clearVersion(versionId, transaction);
  });
  return artefact;
}

/** Whatever the steps were: what nobody has scanned is held where a scan is configured. */
async function assertScanned(work: StepWork): Promise<void> {
  const { tools, versionId } = work;
  if (!tools.settings.scanSignatures || (await wasScanned(versionId))) return;
  const finding = { name: "not-scanned", detail: FINDINGS["not-scanned"] };
  await reportFindings(work, { scanner: "The gate", signatures: null }, [finding]);
}
