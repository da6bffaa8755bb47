import type { Connection } from "mysql2/promise";
import { shardOf } from "../../domain/cards.ts";
import { Card, SHOWN_CARD, validateCard } from "../../models/cards/index.ts";
import { type Database, openDatabase } from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";
import { migrate } from "../../models/schema.ts";
import { newId, sha256 } from "../../platform/crypto.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { connectTo, makeOwnDatabase, serverPid } from "../mysql.ts";
import { cpuSeconds } from "../processes.ts";
import { compare, type Contestant, plotOf, ratio, tableOf } from "../rounds.ts";

/** So many cards are shown at the same time. */
const AT_ONCE = 16;
const MACHINE = { machineCode: "PC-1", machineParts: null };
const DEFAULTS = { termSeconds: 10_800, mostRuns: 100_000 };
const OURS = "Longhaul";
const BARE = "the statements alone";

/** What it costs to use a card for the first time. */
export const activation: Measurement = {
  name: "activation",
  title: "Activation of a card",
  method:
    "Sixteen new cards at a time are shown for the first time, on MariaDB: found, bound to their machine, counted, with the event and the order of the workflow that ends them, all in one durable transaction each. The product does it, and then the very same statements, written down as the product sends them, are sent bare over sixteen connections to another database with the same cards; what the product asks before each transaction is asked there once for each card. Both run in one process, one after the other; the work is the CPU time of that process and of MariaDB together.",
  run,
};

async function run(size: Size): Promise<Finding> {
  const [ours, theirs] = [await makeOwnDatabase(), await makeOwnDatabase()];
  const server = await serverPid(ours.url);
  const lanes = await Promise.all(Array.from({ length: AT_ONCE }, () => connectTo(theirs.url)));
  // A database of the process is the one that was opened last: what is bare needs its tables alone.
  await (await open(theirs.url)).close();
  const database = await open(ours.url);
  const transactions = writeDown(database);
  const count = size.quick ? 100 : 1000;
  let cards: NewCard[] = [];
  const turn = (name: string, work: () => Promise<unknown>): Contestant => ({
    name,
    turn: () => effortOf(server, count, work),
  });
  try {
    const product = turn(OURS, () => inTurns(cards, AT_ONCE, (card) => activate(database, card)));
    const standings = await compare(
      [
        {
          ...product,
          async turn() {
            cards = await makeCards(count, database, lanes[0]!);
            transactions.length = 0;
            return product.turn();
          },
        },
        turn(BARE, () => {
          const jobs = transactions.map((sent, at) => ({ sent, hash: cards[at]!.hash }));
          const free = [...lanes];
          return inTurns(jobs, AT_ONCE, async ({ sent, hash }) => {
            const lane = free.pop()!;
            await sendBare(lane, hash, sent);
            free.push(lane);
          });
        }),
      ],
      size,
    );
    return {
      goals: [
        {
          claim: "first activation, durable, against the same statements sent bare",
          value: ratio(standings, OURS, BARE),
          least: 0.7,
        },
      ],
      table: tableOf(standings, "activations"),
      plots: [plotOf(standings, "First activation", "activations")],
    };
  } finally {
    await database.close();
    for (const lane of lanes) await lane.end();
    for (const own of [ours, theirs]) await own.drop();
  }
}

interface NewCard {
  id: string;
  hash: string;
}

/** New cards, the same in this database and in that of the lane. */
async function makeCards(
  count: number,
  { sequelize }: Database,
  lane: Connection,
): Promise<NewCard[]> {
  const cards = Array.from({ length: count }, () => {
    const id = newId();
    return { id, hash: sha256(id) };
  });
  const code = { prefix: "BENCH", codeTail: "0000", codeSealed: "sealed" };
  await Card.bulkCreate(
    cards.map(({ id, hash: codeHash }) => ({ id, codeHash, shard: shardOf(id), ...code })),
  );
  const here = sequelize.getDatabaseName();
  await lane.query(`INSERT INTO cards SELECT * FROM ${here}.cards WHERE state = 'unused'`);
  return cards;
}

async function activate(database: Database, { hash }: NewCard): Promise<void> {
  const showing = { hashes: [hash], machine: MACHINE, product: undefined, useId: undefined };
  const card = await validateCard(database, showing, DEFAULTS);
  if (card?.state !== "active") throw new Error("a new card was not activated");
}

/** Does it to all of them, so many at a time. */
async function inTurns<T>(
  all: readonly T[],
  atOnce: number,
  work: (one: T) => Promise<unknown>,
): Promise<void> {
  const left = all.values();
  const some = async () => {
    for (const one of left) await work(one);
  };
  await Promise.all(Array.from({ length: atOnce }, some));
}

/** One statement, as the driver was given it. */
interface Sent {
  sql: string;
  values: unknown[];
  isPrepared: boolean;
}

/** What of the driver's connection the models use. */
interface Wire {
  query: (question: string | { sql: string; values?: unknown[] }, ...rest: unknown[]) => unknown;
  execute: (sql: string, values: unknown[], ...rest: unknown[]) => unknown;
}

/** The transactions that this database commits from now on, each with all its statements. */
function writeDown({ sequelize }: Database): Sent[][] {
  const transactions: Sent[][] = [];
  sequelize.addHook("afterConnect", (given) => {
    const connection = given as Wire;
    const query = connection.query.bind(connection);
    const execute = connection.execute.bind(connection);
    let transaction: Sent[] = [];
    const note = (one: Sent) => {
      if (/^(START TRANSACTION|BEGIN)/.test(one.sql)) transaction = [];
      transaction.push(one);
      if (one.sql.startsWith("COMMIT")) transactions.push(transaction);
    };
    connection.query = (question, ...rest) => {
      const { sql, values = [] } = typeof question === "string" ? { sql: question } : question;
      note({ sql, values, isPrepared: false });
      return query(question, ...rest);
    };
    connection.execute = (sql, values, ...rest) => {
      note({ sql, values, isPrepared: true });
      return execute(sql, values, ...rest);
    };
  });
  return transactions;
}

async function sendBare(lane: Connection, hash: string, sent: readonly Sent[]): Promise<void> {
  await lane.execute(SHOWN_CARD.question, [hash]);
  await lane.execute("SELECT SUM(active) AS active FROM card_counts");
  for (const { sql, values, isPrepared } of sent) {
    if (isPrepared) await lane.execute(sql, values as string[]);
    else await lane.query(sql, values);
  }
}

async function open(url: string): Promise<Database> {
  const database = await openDatabase({ url, define: MODELS });
  await migrate(database);
  return database;
}

/** What it takes, in this process and in the server. */
async function effortOf(server: number, work: number, effort: () => Promise<unknown>) {
  const began = performance.now();
  const before = await cpuSeconds(process.pid, server);
  await effort();
  const used = (await cpuSeconds(process.pid, server)) - before;
  return { work, cpuSeconds: used, seconds: (performance.now() - began) / 1000 };
}
