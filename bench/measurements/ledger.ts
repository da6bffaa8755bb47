import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connection } from "mysql2/promise";
import { createFundsActivities } from "../../activities/billing/funds.ts";
import { checkBalances, rechargeDirectly } from "../../models/billing/index.ts";
import { type Database, type DatabasePlace, openDatabase } from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";
import { migrate } from "../../models/schema.ts";
import { newId } from "../../platform/crypto.ts";
import type { Finding, Measurement, Size, Table } from "../measurement.ts";
import { connectTo, makeOwnDatabase, serverPid } from "../mysql.ts";
import { cpuSeconds } from "../processes.ts";
import {
  compare,
  type Contestant,
  type Effort,
  ratio,
  rounded,
  spreadOf,
  type Standing,
  tableOf,
} from "../rounds.ts";

/** So many people are charged at the same time. */
const PEOPLE = 8;
const ORIGIN = { actor: null, address: "127.0.0.1", requestId: "bench" };
const LINES = 1_000_000;
const ACCOUNTS = 1_000;

/** What it costs to move money, and to see that none is lost. */
export const ledger: Measurement = {
  name: "ledger",
  title: "Ledger",
  method:
    "Eight people at a time pay in (with the audit entry), have money held for work (with the order of the workflow that releases it), and are charged for it: in the product, and by the very same statements, written down as the product sends them and sent again in that order, bare and prepared as they are there, on one connection for each person, to a database with the same rows: a commit for each step, made as durable as the server makes it. Both run in one process, one after the other; the work is the CPU time of that process and of MariaDB together. The embedded database does the same beside it. Then every balance is compared with what a million lines of the ledger add up to, on both databases.",
  run,
};

async function run(size: Size): Promise<Finding> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-ledger-"));
  const [ours, bare] = [await makeOwnDatabase(), await makeOwnDatabase()];
  try {
    const { charges, costs } = await compareCharges(
      { ours, bare, file: join(folder, "charges.sqlite") },
      size,
    );
    const lines = size.quick ? LINES / 100 : LINES;
    const onServer = await reconcile(await makeOwnDatabase(), lines);
    const embedded = await reconcile({ file: join(folder, "checks.sqlite") }, lines);
    return {
      goals: [
        {
          claim: "recharge, hold and capture, against the same statements sent bare",
          value: ratio(charges, "Longhaul on MariaDB", "the statements alone"),
          least: 0.6,
        },
        {
          claim: "milliseconds for the slowest statement of a reconciliation on MariaDB",
          value: onServer.slowestMs,
          most: 50,
        },
        {
          claim: "milliseconds for the slowest statement of a reconciliation on SQLite",
          value: embedded.slowestMs,
          most: 50,
        },
      ],
      table: {
        ...tableOf(charges, "charges"),
        rows: [
          ...tableOf(charges, "charges").rows,
          ...costs,
          ...[onServer, embedded].map(({ name, seconds, statements, medianMs, slowestMs }) => [
            `${lines} lines compared on ${name}`,
            `${rounded(seconds)} s, ${statements} statements`,
            `${rounded(medianMs)} ms, at most ${rounded(slowestMs)} ms`,
            "",
          ]),
        ],
      },
      plots: [],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Where charges are measured, in turn. */
interface Places {
  ours: { url: string };
  bare: { url: string };
  file: string;
}

async function compareCharges(
  { ours, bare, file }: Places,
  size: Size,
): Promise<{ charges: Standing[]; costs: Table["rows"] }> {
  const people = Array.from({ length: PEOPLE }, () => newId());
  const times = size.quick ? 5 : 40;
  const server = await serverPid(ours.url);
  const sent = new Map<string, Sent[]>();
  const charge = (database: Database) => {
    for (const one of people) sent.set(one, []);
    const chargeOften = async (accountId: string) => {
      for (let n = 0; n < times; n++) await chargeOnce(database, accountId);
    };
    return Promise.all(people.map(chargeOften));
  };
  const spent = new Map<string, Spent>();
  const turn = (name: string, work: () => Promise<unknown>): Contestant => ({
    name,
    turn: async () => {
      const effort = await effortOf(server, PEOPLE * times, work);
      spent.set(name, effort);
      return effort;
    },
  });

  const embedded = await open({ file });
  const alone = turn("Longhaul on SQLite", () => charge(embedded));
  const onSqlite = await compare([alone], size);
  await embedded.close();
  await (await open(bare)).close();
  const database = await open(ours);
  database.sequelize.addHook("afterConnect", (connection) => listen(connection as Wire, sent));
  const lanes = await Promise.all(people.map(() => connectTo(bare.url)));
  const again = () =>
    Promise.all(lanes.map((lane, index) => sendAgain(lane, sent.get(people[index]!)!)));
  const both = [
    turn("Longhaul on MariaDB", () => charge(database)),
    turn("the statements alone", again),
  ];
  const onMariadb = await compare(both, size);
  await Promise.all(lanes.map((lane) => lane.end()));
  await database.close();
  const statements = [...sent.values()].flat().length / PEOPLE / times;
  const costs = both.map(({ name }) => {
    const { work, hereSeconds, thereSeconds } = spent.get(name)!;
    const [here, there] = [hereSeconds, thereSeconds].map((s) => rounded((s / work) * 1000));
    const where = `${here} ms of CPU in this process, ${there} ms in MariaDB`;
    return [`a charge: ${name}`, where, `${rounded(statements)} statements`, ""];
  });
  return { charges: [...onMariadb, ...onSqlite], costs };
}

/** What a turn took, and where: in this process, and in the server. */
interface Spent extends Effort {
  hereSeconds: number;
  thereSeconds: number;
}

async function open(place: DatabasePlace): Promise<Database> {
  const database = await openDatabase({ ...place, define: MODELS });
  await migrate(database);
  return database;
}

async function effortOf(
  server: number,
  work: number,
  effort: () => Promise<unknown>,
): Promise<Spent> {
  const began = performance.now();
  const [here, there] = [await cpuSeconds(process.pid), await cpuSeconds(server)];
  await effort();
  const hereSeconds = (await cpuSeconds(process.pid)) - here;
  const thereSeconds = (await cpuSeconds(server)) - there;
  const seconds = (performance.now() - began) / 1000;
  return { work, cpuSeconds: hereSeconds + thereSeconds, hereSeconds, thereSeconds, seconds };
}

/** Somebody pays in what some work costs, has it held, and is charged for it. */
async function chargeOnce(database: Database, accountId: string): Promise<void> {
  const recharge = { id: newId(), accountId, amountFen: 100, description: "bench" };
  await rechargeDirectly(database, recharge, ORIGIN);
  const funds = createFundsActivities({ database });
  const [holdId, usage] = [newId(), { frames: 2 }];
  await funds.holdFunds({ holdId, accountId, usage, leaseSeconds: 900 });
  const { missingFen } = await funds.captureFunds({ holdId, usage, isFinal: true });
  if (missingFen > 0) throw new Error("the balance did not cover what was paid in for it");
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

/** Writes down what is sent by this connection: at its end, each transaction, with all others of the person it names. */
function listen(connection: Wire, sent: ReadonlyMap<string, Sent[]>): void {
  const query = connection.query.bind(connection);
  const execute = connection.execute.bind(connection);
  let transaction: Sent[] = [];
  const note = (one: Sent) => {
    transaction.push(one);
    if (one.sql !== "COMMIT" && one.sql !== "ROLLBACK") return;
    const named = transaction.flatMap(({ values }) => values as string[]);
    sent.get(named.find((value) => sent.has(value))!)!.push(...transaction);
    transaction = [];
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
}

async function sendAgain(lane: Connection, sent: readonly Sent[]): Promise<void> {
  for (const { sql, values, isPrepared } of sent) {
    if (isPrepared) await lane.execute(sql, values as string[]);
    else await lane.query(sql, values);
  }
}

interface Reconciled {
  name: string;
  seconds: number;
  statements: number;
  medianMs: number;
  slowestMs: number;
}

/** Fills a ledger with so many lines and compares all of it, once to warm up, and once by the clock. */
async function reconcile(place: DatabasePlace, lines: number): Promise<Reconciled> {
  const database = await open(place);
  try {
    await fill(database, lines);
    await checkAll(database);
    const took = timeStatements(database);
    const began = performance.now();
    const operations = await checkAll(database);
    const seconds = (performance.now() - began) / 1000;
    if (operations !== lines / 2) throw new Error(`${operations} operations were compared`);
    const { median: medianMs, most: slowestMs } = spreadOf(took);
    const name = database.dialect === "mysql" ? "MariaDB" : "SQLite";
    return { name, seconds, statements: took.length, medianMs, slowestMs };
  } finally {
    await database.close();
  }
}

async function checkAll(database: Database): Promise<number> {
  let operations = 0;
  for (let after: string | null = ""; after !== null;) {
    const checked = await checkBalances(database, { after });
    if (checked.differences.length > 0) throw new Error("what was filled in does not add up");
    operations += checked.operations;
    after = checked.after;
  }
  return operations;
}

/** How long each statement takes from now on, in milliseconds, with what the models do about it. */
function timeStatements({ sequelize }: Database): number[] {
  const took: number[] = [];
  const query = sequelize.query.bind(sequelize) as (...given: unknown[]) => Promise<unknown>;
  sequelize.query = (async (...given: unknown[]) => {
    const began = performance.now();
    const answer = await query(...given);
    took.push(performance.now() - began);
    return answer;
  }) as typeof sequelize.query;
  return took;
}

/** Everybody was given a fen, so many times: two lines each. */
async function fill({ sequelize, dialect }: Database, lines: number): Promise<void> {
  const each = lines / 2 / ACCOUNTS;
  const moment = "'2026-01-01 00:00:00.000'";
  const numbers = (most: number) =>
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${most})`;
  const idOf = (text: string) =>
    dialect === "mysql" ? `LPAD(${text}, 36, '0')` : `printf('%036d', ${text})`;
  const key = (...parts: string[]) =>
    dialect === "mysql" ? `CONCAT(${parts.join(", '/', ")})` : parts.join(" || '/' || ");
  await sequelize.query(
    `INSERT INTO ledger_balances
       (account_id, free_fen, held_fen, sequence, transactions, bills, created_at, updated_at)
     ${numbers(ACCOUNTS)} SELECT ${idOf("i")}, ${each}, 0, ${each}, ${each}, 0, ${moment}, ${moment} FROM n`,
  );
  for (const [line, book, gain] of [
    [0, "adjustments", -1],
    [1, "free", 1],
  ]) {
    const counted = line === 0 ? "i" : "NULL";
    await sequelize.query(
      `INSERT INTO ledger_entries
         (account_id, sequence, line, id, operation_id, kind, book, amount_fen, balance_after_fen,
          transaction_number, created_at)
       ${numbers(each)} SELECT account_id, i, ${line}, ${idOf("i")}, ${key("account_id", "i")},
         'adjustment', '${book}', ${gain}, i, ${counted}, ${moment}
       FROM ledger_balances, n`,
    );
  }
}
