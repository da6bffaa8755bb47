import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { databasePlace } from "../platform/database-place.ts";
import { BadConfiguration, EXIT_CONFIGURATION, readEnv } from "../platform/env.ts";
import { openObjectStore } from "../platform/objects/index.ts";
import { importCatalogue } from "./catalogue/import.ts";
import { CatalogueFault } from "./catalogue/manifest.ts";

/**
 * `npm run catalogue:import -- FOLDER` brings an export to an empty platform, whatever its database and store are: all
 * links show the same bytes. Cut short it is run again.
 */
async function main(): Promise<void> {
  const { positionals } = parseArgs({ allowPositionals: true });
  const [given] = positionals;
  if (given === undefined || positionals.length > 1) {
    throw new BadConfiguration(["catalogue:import: give the folder, as in -- FOLDER"]);
  }
  const folder = resolve(given);
  const env = readEnv();
  const database = await openDatabase({ ...databasePlace(env), define: MODELS });
  const say = (stand: string) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${stand}`);
  };
  try {
    const objects = await openObjectStore({ s3: env.s3, folder: join(env.dataFolder, "objects") });
    await objects.check();
    const isNew = await importCatalogue({ database, objects, folder, say });
    console.log(
      isNew ? "Imported. The audit stays in the folder: keep it." : "This export is here already.",
    );
  } finally {
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
    await database.close();
  }
}

await main().catch((error: unknown) => {
  const known = error instanceof BadConfiguration || error instanceof CatalogueFault;
  console.error(known ? error.message : error);
  process.exitCode = error instanceof BadConfiguration ? EXIT_CONFIGURATION : 1;
});
