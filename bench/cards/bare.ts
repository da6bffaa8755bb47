import { randomBytes } from "node:crypto";
import driver from "@appthreat/sqlite3";
import { createConnection } from "mysql2/promise";
import { v7 as newId } from "uuid";
import { shardOf } from "../../domain/cards.ts";
import { codeTail, createDraw, wholeCode } from "../../domain/cards/codes.ts";
import type { CardPlatform } from "./platform.ts";

/** As many as the product adds in one transaction. */
const STRETCH = 2_500;
const PREFIX = "BARE";
const COLUMNS =
  "id,batch_id,code_hash,code_tail,code_sealed,shard,prefix,state,machines,created_at,updated_at";

/** Adds cards to the product's own table with nothing of the product but its ciphers. */
export interface BareCards {
  /** Draws, seals and inserts so many: the seconds that it took. */
  insert(count: number): Promise<number>;
  close(): Promise<unknown>;
}

/** Speaks with the database of a platform by its driver alone. */
export async function openBareCards({ place, codes }: CardPlatform): Promise<BareCards> {
  const wire = "url" in place ? await mariadbWire(place.url) : await sqliteWire(place.file);
  const batchId = newId();
  await wire.run(
    `INSERT INTO card_batches
       (id, prefix, count, generated, state, frozen, revoked, code_length, alphabet, created_at, updated_at)
     VALUES ('${batchId}', '${PREFIX}', 1, 1, 'completed', 0, 0, 10, 'plain', ${wire.now()}, ${wire.now()})`,
  );
  const draw = createDraw("plain", randomBytes);
  const rowOf = () => {
    const [id, code] = [newId(), wholeCode(PREFIX, draw(10))];
    const sealed = `'${codes.hash(code)}','${codeTail(code)}','${codes.seal(code, id)}'`;
    return `('${id}','${batchId}',${sealed},${shardOf(id)},'${PREFIX}','unused',0,${wire.now()},${wire.now()})`;
  };
  return {
    async insert(count) {
      const began = performance.now();
      for (let left = count; left > 0; left -= STRETCH) {
        const rows = Array.from({ length: Math.min(STRETCH, left) }, rowOf);
        await wire.run(wire.begin);
        await wire.run(`INSERT INTO cards (${COLUMNS}) VALUES ${rows.join(",")}`);
        await wire.run("COMMIT");
      }
      return (performance.now() - began) / 1000;
    },
    close: () => wire.close(),
  };
}

/** One connection, which is told one statement after the other. */
interface Wire {
  begin: string;
  run(statement: string): Promise<unknown>;
  /** This moment, as the database writes it. */
  now(): string;
  close(): Promise<unknown>;
}

async function mariadbWire(uri: string): Promise<Wire> {
  const queryFormat = (statement: string) => statement;
  const connection = await createConnection({ uri, queryFormat } as object);
  return {
    begin: "BEGIN",
    run: (statement) => connection.query(statement),
    now: () => `'${new Date().toISOString().replace("T", " ").replace("Z", "")}'`,
    close: () => connection.end(),
  };
}

/** What is used of the driver. */
interface Driver {
  exec(statements: string, done: (error: Error | null) => void): void;
  close(done: (error: Error | null) => void): void;
}

/** As durable as the product. */
async function sqliteWire(file: string): Promise<Wire> {
  const { Database } = driver as unknown as { Database: new (file: string) => Driver };
  const connection = new Database(file);
  const called = (work: (done: (error: Error | null) => void) => void) =>
    new Promise<void>((resolve, reject) => {
      work((error) => (error ? reject(error) : resolve()));
    });
  const run = (statement: string) => called((done) => connection.exec(statement, done));
  await run(
    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000",
  );
  return {
    begin: "BEGIN IMMEDIATE",
    run,
    now: () => `'${new Date().toISOString().replace("T", " ").replace("Z", " +00:00")}'`,
    close: () => called((done) => connection.close(done)),
  };
}
