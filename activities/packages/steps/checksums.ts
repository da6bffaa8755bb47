import { createHash } from "node:crypto";
import { FINDINGS, packageKeys } from "../../../domain/packages.ts";
import type { Finding } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import { clearVersion, keepArtefact, standingOf } from "../../../models/packages/index.ts";
import { StepFailure } from "../attempt.ts";
import type { Artefact } from "../contract.ts";
import { reportFindings } from "./findings.ts";
import { inputFailure, type StepWork } from "./work.ts";

/**
 * Proves the final bytes once more and keeps them under the version's own key, which nobody writes again. From here
 * on the gate lets the version pass, unless it was to be scanned and was not, or something that was found was not approved.
 */
export async function runChecksums(work: StepWork): Promise<Artefact> {
  const { tools, input, packageId, runId, versionId, say, signal } = work;
  const object = await tools.objects.open(input.key);
  if (!object) throw inputFailure(work, "is not in the store");
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
    throw inputFailure(work, "was damaged on its way from the store");
  }
  say(`sha256 ${input.sha256}`);
  say(`md5    ${md5.digest("hex")}`);
  say(`bytes  ${bytes}`);

  await assertCleared(work);
  const key = packageKeys.version(packageId, versionId, input.sha256);
  await tools.objects.discardUnfinished(key);
  await tools.objects.copy(input.key, key, { signal });
  const artefact = { key, bytes, sha256: input.sha256 };
  await inTransaction(tools.database, async (transaction) => {
    await keepArtefact({ runId, versionId }, artefact, transaction);
    await clearVersion(versionId, transaction);
  });
  return artefact;
}

/** Whatever the steps were, and wherever they began: the gate asks what is known of the bytes that they began with. */
async function assertCleared(work: StepWork): Promise<void> {
  const { tools, runId } = work;
  const { wasRead, wasScanned, open } = await standingOf(runId);
  const found: Finding[] = open.map(({ name, detail }) => ({ name, detail }));
  if (tools.settings.scanSignatures && !wasScanned) {
    found.push({ name: "not-scanned", detail: FINDINGS["not-scanned"] });
  }
  await reportFindings(work, { scanner: "The gate", signatures: null }, found);
  if (!wasRead) {
    const advice = "Nobody has looked into what this began with. Build it without from_step.";
    throw new StepFailure("content", advice);
  }
}
