import { randomUUID } from "node:crypto";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { describe, inject, onTestFinished } from "vitest";
import {
  type Announce,
  type Database,
  type DatabasePlace,
  openDatabase,
} from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";

/** Opens a new database with all tables; it is dropped when the test has finished. */
export async function openTestDatabase(announce?: Announce): Promise<Database> {
  const place = await sqlitePlace();
  await copyFile(inject("tables")!.file, place.file);
  return openPlace(place, announce);
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
    body({ place: sqlitePlace, open: () => openTestDatabase() });
  });
}

/** Describes what only a server can do; nothing where the run provides none. */
export function describeMariadb(body: (bench: Bench) => void): void {
  const server = inject("mysql");
  if (!server) return;
  describe("on MariaDB", () => {
    const place = () => mysqlPlace(server.url);
    const open = async () => {
      const made = await place();
      await onServer(made.url, server.tables);
      return openPlace(made);
    };
    body({ place, open });
  });
}

/** Opens a place once more, as another process would; closed when the test has finished. */
export async function openPlace(place: DatabasePlace, announce?: Announce): Promise<Database> {
  const database = await openDatabase({ ...place, define: MODELS, ...(announce && { announce }) });
  onTestFinished(() => database.close());
  return database;
}

async function sqlitePlace(): Promise<{ file: string }> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-database-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { file: join(folder, "longhaul.sqlite") };
}

async function mysqlPlace(serverUrl: string): Promise<{ url: string }> {
  const url = new URL(serverUrl);
  const name = `${url.pathname.slice(1) || "longhaul"}_${randomUUID().slice(-12)}`;
  await onServer(serverUrl, `CREATE DATABASE ${name}`);
  onTestFinished(() => onServer(serverUrl, `DROP DATABASE ${name}`));
  url.pathname = `/${name}`;
  return { url: url.href };
}

async function onServer(url: string, statements: string): Promise<void> {
  const connection = await createConnection({ uri: url, multipleStatements: true });
  await connection.query(statements);
  await connection.end();
}
