import { parseArgs } from "node:util";
import { openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { type AuditVerdict, type ChainPlace, verifyAudit } from "../models/operations.ts";
import { databasePlace } from "../platform/database-place.ts";
import { BadConfiguration, EXIT_CONFIGURATION, readEnv } from "../platform/env.ts";

type Fault = Extract<AuditVerdict, { whole: false }>["fault"];

const MEANINGS: Record<Fault, string> = {
  edited:
    "is not as it was written, or the entries before it are not the ones it was written after",
  missing: "was removed",
  inserted: "was not written by the platform",
  "cut-off": "and what came after it were cut off",
  "not-counted": "stands behind the end of the chain",
  "not-the-anchor": "is not the one that was noted: the chain was written anew up to here",
  "no-head": "cannot be looked for: the note of where the chain ends is gone",
};

/**
 * `npm run audit:verify` reads the whole audit chain and names the first entry that is not as it was written (exit
 * code 1). It prints where the chain ends; `-- --anchor <number>:<hash>` holds it against such a note from before,
 * which is the only proof against somebody who rewrites the chain and its end.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { anchor: { type: "string" } } });
  const anchor = values.anchor === undefined ? undefined : readAnchor(values.anchor);
  const database = await openDatabase({ ...databasePlace(readEnv()), define: MODELS });
  try {
    const verdict = await verifyAudit(database, anchor, (entries) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${entries} entries`);
    });
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
    if (verdict.whole) {
      const { sequence, hash } = verdict.head;
      console.log(`The audit is whole: ${sequence} entries, each as it was written.`);
      console.log(`Head: ${sequence}:${hash}`);
      console.log("Keep the head outside this platform, and give it as --anchor some day.");
      return;
    }
    const id = verdict.id ? ` (${verdict.id})` : "";
    console.log(`The audit is broken: entry ${verdict.sequence}${id} ${MEANINGS[verdict.fault]}.`);
    process.exitCode = 1;
  } finally {
    await database.close();
  }
}

function readAnchor(text: string): ChainPlace {
  const [, sequence, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (!sequence || !hash) {
    throw new BadConfiguration(["--anchor: must be <number>:<hash>, as the head was printed"]);
  }
  return { sequence: Number(sequence), hash };
}

await main().catch((error: unknown) => {
  const known = error instanceof BadConfiguration;
  console.error(known ? error.message : error);
  process.exitCode = known ? EXIT_CONFIGURATION : 1;
});
