import { parseArgs } from "node:util";
import { openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { migrate, rollbackMigrations } from "../models/schema.ts";
import { databasePlace } from "../platform/database-place.ts";
import { BadConfiguration, EXIT_CONFIGURATION, readEnv } from "../platform/env.ts";

/** `npm run migrate` brings the database up to date; `npm run migrate -- --down 1` takes back the newest migration. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { down: { type: "string" } } });
  const steps = values.down === undefined ? 0 : Number(values.down);
  if (!Number.isInteger(steps) || steps < 0) {
    throw new BadConfiguration(["--down: must be the number of migrations to take back"]);
  }

  const database = await openDatabase({ ...databasePlace(readEnv()), define: MODELS });
  try {
    const names = steps > 0 ? await rollbackMigrations(database, steps) : await migrate(database);
    for (const name of names) console.log(steps > 0 ? `took back ${name}` : `ran ${name}`);
    if (names.length === 0) console.log("Nothing to do: the database is up to date.");
  } finally {
    await database.close();
  }
}

await main().catch((error: unknown) => {
  const known = error instanceof BadConfiguration;
  console.error(known ? error.message : error);
  process.exitCode = known ? EXIT_CONFIGURATION : 1;
});
