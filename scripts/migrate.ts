import { parseArgs } from "node:util";
import { openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { rollbackMigrations } from "../models/schema.ts";
import { databasePlace } from "../platform/database-place.ts";
import { BadConfiguration, EXIT_CONFIGURATION, type Env, readEnv } from "../platform/env.ts";
import { prepareDatabase, sentenceOf } from "./preparation.ts";

/**
 * `npm run migrate` makes what API and workers need before they start on their own: all tables, the first
 * administrator, and the namespace of the Temporal server that TEMPORAL_ADDRESS names. Twice is harmless.
 * `npm run migrate -- --down 1` takes back the newest migration.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { down: { type: "string" } } });
  const steps = values.down === undefined ? 0 : Number(values.down);
  if (!Number.isInteger(steps) || steps < 0) {
    throw new BadConfiguration(["--down: must be the number of migrations to take back"]);
  }
  const env = readEnv();
  await (steps > 0 ? goBack(env, steps) : goForward(env));
}

async function goForward(env: Env): Promise<void> {
  const { migrations, signIn } = await prepareDatabase(env);
  for (const name of migrations) console.log(`ran ${name}`);
  if (migrations.length === 0) console.log("Nothing to do: the database is up to date.");
  if (signIn) console.log(sentenceOf(signIn));
  if (!env.TEMPORAL_ADDRESS) return;
  const { prepareNamespace } = await import("../platform/namespaces.ts");
  for (const warning of await prepareNamespace(env)) console.warn(warning);
  console.log(`Namespace ${env.TEMPORAL_NAMESPACE} is there.`);
}

async function goBack(env: Env, steps: number): Promise<void> {
  const database = await openDatabase({ ...databasePlace(env), define: MODELS });
  try {
    for (const name of await rollbackMigrations(database, steps)) console.log(`took back ${name}`);
  } finally {
    await database.close();
  }
}

await main().catch((error: unknown) => {
  const known = error instanceof BadConfiguration;
  console.error(known ? error.message : error);
  process.exitCode = known ? EXIT_CONFIGURATION : 1;
});
