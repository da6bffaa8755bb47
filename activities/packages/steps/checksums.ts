import { createHash } from "node:crypto";
import { packageKeys } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import { keepArtefact } from "../../../models/packages/index.ts";
import { StepFailure } from "../attempt.ts";
import type { Artefact } from "../contract.ts";
import type { StepWork } from "./work.ts";

/** Proves the final bytes once more and keeps them under the version's own key, which nobody writes again. */
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

  const key = packageKeys.version(packageId, versionId, input.sha256);
  await tools.objects.discardUnfinished(key);
  await tools.objects.copy(input.key, key, { signal });
  const artefact = { key, bytes, sha256: input.sha256 };
  await inTransaction(tools.database, (transaction) =>
    keepArtefact(versionId, artefact, transaction),
  );
  return artefact;
}
