import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import type { TestProject } from "vitest/node";
import { findProgram, runProgram } from "../../../platform/programs.ts";
import { type Needed, provideProgram } from "./programs.ts";
import { runName } from "./runs.ts";
import { makeTables } from "./tables.ts";
import { freePort, serverAddress, serverFolder, startServer } from "./servers.ts";

export const MARIADB: Needed = {
  names: ["mariadbd", "mysqld"],
  debian: "mariadb-server",
  instead: "TEST_DATABASE_URL (mysql://user:password@host:port/)",
};

/** vitest global set-up: a database of this run's own, dropped at its end with those made after its name. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await mysqlAddress();
  const name = runName("_");
  await query(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  project.provide("mysql", { url: url.href, tables: await readTables(url, `${name}_tables`) });
  return async () => {
    const names = await query(server, `SHOW DATABASES LIKE '${name.replaceAll("_", "\\_")}%'`);
    for (const [database] of names) await query(server, `DROP DATABASE \`${database}\``);
  };
}

/** The statements that copy a new database with all tables: much quicker than what its migrations do one by one. */
async function readTables(url: URL, name: string): Promise<string> {
  await query(url.href, `CREATE DATABASE ${name}`);
  const original = new URL(url);
  original.pathname = `/${name}`;
  await makeTables({ url: original.href });
  const statements = ["SET foreign_key_checks = 0"];
  for (const [table] of await query(original.href, "SHOW TABLES")) {
    const [[, definition]] = (await query(original.href, `SHOW CREATE TABLE ${table}`)) as [
      string[],
    ];
    statements.push(definition!, `INSERT INTO ${table} SELECT * FROM ${name}.${table}`);
  }
  return statements.join(";\n");
}

/** The address of a MySQL or MariaDB server, its user allowed to make databases. */
export function mysqlAddress(): Promise<string> {
  return serverAddress("TEST_DATABASE_URL", startMariadb);
}

async function startMariadb(): Promise<string> {
  const command = await provideProgram(MARIADB);
  const folder = await serverFolder("mariadb");
  const data = join(folder, "data");
  const port = await freePort();
  const password = randomBytes(12).toString("hex");
  // mariadbd refuses to run as root unless it is told so by name.
  const common = ["--no-defaults", `--datadir=${data}`, `--user=${userInfo().username}`];
  await initialise(common);
  const accounts = join(folder, "accounts.sql");
  await writeFile(
    accounts,
    `CREATE USER longhaul@'%' IDENTIFIED BY '${password}';\nGRANT ALL ON *.* TO longhaul@'%';\n`,
  );
  const url = `mysql://longhaul:${password}@127.0.0.1:${port}/`;
  await startServer({
    name: "mariadb",
    command,
    folder,
    args: [
      ...common,
      `--socket=${join(folder, "socket")}`,
      `--pid-file=${join(folder, "pid")}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      "--skip-name-resolve",
      "--innodb-flush-log-at-trx-commit=1",
      // Only a power cut could miss these; without them a new schema costs half as much.
      "--skip-innodb-doublewrite",
      "--sync-frm=0",
      `--init-file=${accounts}`,
    ],
    probe: () => query(url, "SELECT 1"),
  });
  return url;
}

async function initialise(common: readonly string[]): Promise<void> {
  const installer = await findProgram("mariadb-install-db", process.env);
  if (!installer) throw new Error("mariadb-install-db is missing: apt-get install mariadb-server");
  const args = [...common, "--auth-root-authentication-method=normal", "--skip-test-db"];
  await runProgram(installer, args, { env: process.env, timeoutMs: 120_000 });
}

async function query(url: string, sql: string): Promise<string[][]> {
  const connection = await createConnection({ uri: url, rowsAsArray: true });
  try {
    const [rows] = await connection.query(sql);
    return rows as string[][];
  } finally {
    await connection.end();
  }
}
