import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Connection, createConnection, type ResultSetHeader } from "mysql2/promise";
import { mysqlAddress } from "../test/support/services/mariadb.ts";

/** A database of its own on the MySQL or MariaDB server of the tests. */
export interface OwnDatabase {
  url: string;
  drop(): Promise<void>;
}

/** Makes one, empty. */
export async function makeOwnDatabase(): Promise<OwnDatabase> {
  const server = await mysqlAddress();
  const name = `longhaul_bench_${randomBytes(4).toString("hex")}`;
  const tell = async (statement: string) => {
    const connection = await createConnection(server);
    await connection.query<ResultSetHeader>(statement);
    await connection.end();
  };
  await tell(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => tell(`DROP DATABASE ${name}`) };
}

/** As the product connects: an UPDATE counts what it matched, and what others commit is seen. */
export async function connectTo(uri: string): Promise<Connection> {
  const connection = await createConnection({ uri, flags: ["FOUND_ROWS"], timezone: "+00:00" });
  await connection.query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  return connection;
}

/** The process of the server, which runs on this machine. */
export async function serverPid(url: string): Promise<number> {
  const connection = await createConnection(url);
  const [rows] = await connection.query("SELECT @@pid_file AS file");
  await connection.end();
  const [row] = rows as { file: string }[];
  return Number(await readFile(row!.file, "utf8"));
}
