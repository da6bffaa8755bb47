import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { databasePlace } from "../platform/database-place.ts";
import { BadConfiguration, EXIT_CONFIGURATION, readEnv } from "../platform/env.ts";
import { openObjectStore } from "../platform/objects/index.ts";
import { exportCatalogue } from "./catalogue/export.ts";
import { CatalogueFault } from "./catalogue/manifest.ts";

/**
 * `npm run catalogue:export -- FOLDER` writes all packages, their history, the audit and every object into a folder,
 * beside a platform that goes on. Cut short it is run again. No key, password, session or webhook leaves.
 */
async function main(): Promise<void> {
  const { positionals } = parseArgs({ allowPositionals: true });
  const [given] = positionals;
  if (given === undefined || positionals.length > 1) {
    throw new BadConfiguration(["catalogue:export: give the folder, as in -- FOLDER"]);
  }
  const folder = resolve(given);
  const env = readEnv();
  const database = await openDatabase({ ...databasePlace(env), define: MODELS });
  const say = (stand: string) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${stand}`);
  };
  try {
    const objects = await openObjectStore({ s3: env.s3, folder: join(env.dataFolder, "objects") });
    const { files, audit_head: end } = await exportCatalogue({ database, objects, folder, say });
    const count = (name: string) => files[name]?.rows ?? 0;
    console.log(
      `Exported ${count("packages")} packages, ${count("package_versions")} versions and ${count("objects")} objects.`,
    );
    console.log(`Audit: ${end.sequence} entries, head ${end.sequence}:${end.hash}`);
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
