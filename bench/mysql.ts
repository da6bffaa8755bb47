import { randomBytes } from "node:crypto";
import { createConnection, type ResultSetHeader } from "mysql2/promise";
import { mysqlAddress } from "../test/support/services/mariadb.ts";

/** A database of its own on the MySQL or MariaDB server of the tests. */
export interface OwnDatabase {
  url: string;
  drop(): Promise<void>;
}

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
