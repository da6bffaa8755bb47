import { existsSync } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import { inTransaction } from "../../../models/database.ts";
import { addFacts } from "../../../models/packages/index.ts";
import type { Artefact } from "../contract.ts";
import { configured, fetchInput, keepOutput, runTool, toolFailure } from "./work.ts";
import type { StepWork } from "./work.ts";

/** Hardens the package with the configured command. */
export async function runHarden(work: StepWork): Promise<Artefact> {
  const input = await fetchInput(work);
  const output = `${work.directory}/hardened.${work.type}`;
  const words = configured(work.tools.settings.hardenCommand, "HARDEN_COMMAND");
  const [command, ...args] = words.map((word) =>
    word.replaceAll("{input}", input).replaceAll("{output}", output),
  ) as [string, ...string[]];
  const end = await runTool(work, command, args, {
    readable: [
      // A tool may need what lies beside it; of its arguments it needs the files that are named.
      ...(isAbsolute(command) ? [dirname(command)] : []),
      ...args.filter((word) => isAbsolute(word) && existsSync(word)),
    ].filter((path) => !path.startsWith(work.directory)),
  });
  if (end.exitCode !== 0) throw toolFailure("broken", command.split("/").at(-1)!, end);
  return keepOutput(work, output);
}

/** Aligns the entries of an APK to four bytes, and its native libraries to pages. */
export async function runAlign(work: StepWork): Promise<Artefact> {
  const input = await fetchInput(work);
  const output = `${work.directory}/aligned.apk`;
  const end = await runTool(work, "zipalign", ["-f", "-p", "4", input, output]);
  if (end.exitCode !== 0) throw toolFailure("broken", "zipalign", end);
  return keepOutput(work, output);
}

/** Signs an APK and proves the signature. The password reaches the tool by its environment only. */
export async function runSign(work: StepWork): Promise<Artefact> {
  const signing = configured(work.tools.settings.signing, "SIGNING_KEYSTORE");
  const input = await fetchInput(work);
  const output = `${work.directory}/signed.apk`;
  const end = await runTool(
    work,
    "apksigner",
    [
      "sign",
      "--ks",
      signing.keystore,
      "--ks-key-alias",
      signing.alias,
      "--ks-pass",
      "env:KEYSTORE_PASSWORD",
      "--key-pass",
      "env:KEYSTORE_PASSWORD",
      "--out",
      output,
      input,
    ],
    { env: { KEYSTORE_PASSWORD: signing.password }, readable: [signing.keystore] },
  );
  if (end.exitCode !== 0) throw toolFailure("broken", "apksigner", end);

  const proof = await runTool(work, "apksigner", ["verify", "--print-certs", output]);
  if (proof.exitCode !== 0) throw toolFailure("broken", "apksigner verify", proof);
  const digest = proof.lines.map(
    (line) => /certificate SHA-256 digest: ([0-9a-f]{64})/.exec(line)?.[1],
  );
  await inTransaction(work.tools.database, (transaction) =>
    addFacts(work.versionId, { signer_sha256: digest.find(Boolean) ?? null }, transaction),
  );
  return keepOutput(work, output);
}
