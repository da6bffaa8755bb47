import { readdir, readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { QueryTypes } from "sequelize";
import { packageKeys } from "../../domain/packages.ts";
import { type Database, openDatabase } from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";
import { openDiskStore } from "../../platform/objects/disk.ts";
import type { Platform } from "./platform.ts";
import { until } from "./until.ts";

/** The database of an embedded platform, for looking into beside it. */
export function openBeside({ folder }: Pick<Platform, "folder">): Promise<Database> {
  return openDatabase({ file: join(folder, "db", "longhaul.sqlite"), define: MODELS });
}

/** The rows that an SQL question finds. */
export function ask<T extends object>({ sequelize }: Database, question: string): Promise<T[]> {
  return sequelize.query<T>(question, { type: QueryTypes.SELECT });
}

/** What `findRubbish` answers when there is none. */
export const NOTHING_LEFT = { leftovers: [], unexplained: [], missing: [] };

/**
 * What is left of work that was broken off, once its leases have run out and the platform was started again; the
 * objects that no row explains, and those that a row needs and nobody has.
 */
export async function findRubbish(
  platform: Platform,
  database: Database,
): Promise<{ leftovers: string[]; unexplained: string[]; missing: string[] }> {
  await letMinutesPass(platform, database, 2);
  await platform.stop();
  await platform.start();
  const gone = async () => (await findLeftovers(platform, database)).length === 0;
  await until(gone, 30_000).catch(() => {});
  return {
    leftovers: await findLeftovers(platform, database),
    ...(await compareObjects(await storedKeys(platform), database)),
  };
}

/** Everything that is stored for packages. */
async function storedKeys({ folder }: Platform): Promise<string[]> {
  const keys: string[] = [];
  const store = await openDiskStore(join(folder, "objects"));
  for await (const { key } of store.list("packages/")) keys.push(key);
  return keys;
}

/** What work that was broken off has left: names of staged objects, of unfinished writes, of scratch folders. */
async function findLeftovers(platform: Platform, database: Database): Promise<string[]> {
  const staged = await ask<{ key: string }>(database, "SELECT `key` FROM staged_objects");
  const writes = await readdir(join(platform.folder, "objects", "staged"));
  const trash = await readdir(join(platform.folder, "objects", "trash"));
  return [
    ...staged.map(({ key }) => `staged object ${key}`),
    ...writes.map((name) => `unfinished write ${name}`),
    ...trash.map((name) => `trash ${name}`),
    ...(await findScratch(platform)).map((name) => `scratch ${name}`),
  ];
}

/** Folders of steps in the scratch folder, those of dead workers included. */
export async function findScratch({ folder }: Pick<Platform, "folder">): Promise<string[]> {
  const scratch = join(folder, "scratch");
  const found: string[] = [];
  for (const worker of await readdir(scratch)) {
    for (const step of await readdir(join(scratch, worker))) found.push(join(worker, step));
  }
  return found;
}

/** Makes what was left look as if it had been left `minutes` ago: leases run out after one. */
async function letMinutesPass(
  platform: Platform,
  database: Database,
  minutes: number,
): Promise<void> {
  const then = new Date(Date.now() - minutes * 60_000);
  const leased = then.toISOString().replace("T", " ").replace("Z", " +00:00");
  await database.sequelize.query(`UPDATE staged_objects SET leased_until = '${leased}'`);
  const staged = join(platform.folder, "objects", "staged");
  for (const name of await readdir(staged)) await utimes(join(staged, name), then, then);
}

/** The keys of all objects of packages that the rows do not explain, and those that they miss. */
async function compareObjects(
  stored: readonly string[],
  database: Database,
): Promise<{ unexplained: string[]; missing: string[] }> {
  const keys = await ask<{ key: string }>(
    database,
    ["original_key", "artefact_key", "first_artefact_key"]
      .map((column) => `SELECT ${column} AS \`key\` FROM package_versions`)
      .concat("SELECT log_key FROM package_runs", "SELECT artefact_key FROM package_runs")
      .join(" UNION "),
  );
  const live = await ask<{ package_id: string; name: string }>(
    database,
    "SELECT package_id, name FROM package_channels WHERE live_version_id IS NOT NULL",
  );
  const runs = await ask<{ id: string; package_id: string }>(
    database,
    "SELECT id, package_id FROM package_runs",
  );
  const needed = [
    ...keys.map(({ key }) => key).filter((key) => key !== null),
    ...live.map(({ package_id, name }) => packageKeys.live(package_id, name)),
  ];
  const outputs = runs.map(({ id, package_id }) => packageKeys.runFolder(package_id, id));
  const explained = new Set(needed);
  return {
    unexplained: stored.filter(
      (key) => !explained.has(key) && !outputs.some((folder) => key.startsWith(folder)),
    ),
    missing: needed.filter((key) => !stored.includes(key)),
  };
}

/** The text of all logs in the data folder. */
export async function readLogs({ folder }: Pick<Platform, "folder">): Promise<string> {
  const logs = join(folder, "logs");
  const texts = (await readdir(logs)).map((name) => readFile(join(logs, name), "utf8"));
  return (await Promise.all(texts)).join("\n");
}

/** Every row of every table, as text. */
export async function readTables(database: Database): Promise<string> {
  const names = await database.sequelize.getQueryInterface().showAllTables();
  const tables = await Promise.all(names.map((name) => ask(database, `SELECT * FROM ${name}`)));
  return tables.map((rows, at) => `${names[at]}: ${JSON.stringify(rows)}`).join("\n");
}
