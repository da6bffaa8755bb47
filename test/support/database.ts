import { randomUUID } from "node:crypto";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createConnection } from "mysql2/promise";
import { afterAll, describe, inject, onTestFinished } from "vitest";
import { type Database, type DatabasePlace, openDatabase } from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";
import { migrate } from "../../models/schema.ts";

/** Opens a new database with all tables; it is dropped when the test has finished. */
export async function openTestDatabase(): Promise<Database> {
  const place = await sqlitePlace();
  await copyFile(await (template ??= makeTemplate()), place.file);
  return openPlace(place);
}

/** A file with all tables and no rows: copying it takes a fraction of the time that the migrations take. */
let template: Promise<string> | undefined;
afterAll(async () => {
  if (template) await rm(dirname(await template), { recursive: true, force: true });
});

async function makeTemplate(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-tables-"));
  const file = join(folder, "longhaul.sqlite");
  const database = await openDatabase({ file, define: MODELS });
  await migrate(database);
  await database.close();
  return file;
}

/** What a test of the models may ask for. */
export interface Bench {
  /** A new, empty database: its place only. */
  place: () => Promise<DatabasePlace>;
  /** A new database, opened, with all tables. */
  open: () => Promise<Database>;
}

/** Describes behaviour that is the same on both databases: on the server where the run provides one, else on SQLite. */
export function describeDatabases(body: (bench: Bench) => void): void {
  if (inject("mysql")) return describeMariadb(body);
  describe("on SQLite", () => {
    body({ place: sqlitePlace, open: openTestDatabase });
  });
}

/** Describes what only a server can do; nothing where the run provides none. */
export function describeMariadb(body: (bench: Bench) => void): void {
  const server = inject("mysql");
  if (!server) return;
  describe("on MariaDB", () => {
    const place = () => mysqlPlace(server.url);
    const open = async () => {
      const database = await openPlace(await place());
      await migrate(database);
      return database;
    };
    body({ place, open });
  });
}

/** Opens a place once more, as another process would; closed when the test has finished. */
export async function openPlace(place: DatabasePlace): Promise<Database> {
  const database = await openDatabase({ ...place, define: MODELS });
  onTestFinished(() => database.close());
  return database;
}

async function sqlitePlace(): Promise<{ file: string }> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-database-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { file: join(folder, "longhaul.sqlite") };
}

async function mysqlPlace(serverUrl: string): Promise<DatabasePlace> {
  const url = new URL(serverUrl);
  const name = `${url.pathname.slice(1) || "longhaul"}_${randomUUID().slice(-12)}`;
  await onServer(serverUrl, `CREATE DATABASE ${name}`);
  onTestFinished(() => onServer(serverUrl, `DROP DATABASE ${name}`));
  url.pathname = `/${name}`;
  return { url: url.href };
}

async function onServer(url: string, statement: string): Promise<void> {
  const connection = await createConnection(url);
  await connection.query(statement);
  await connection.end();
}
