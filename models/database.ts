import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionOptions } from "mysql2";
import { type QueryOptions, QueryTypes, Sequelize, type Transaction } from "sequelize";
import type { Event } from "../domain/events.ts";
import {
  type Ask,
  askMysql,
  askSqlite,
  askTogether,
  type LookUp,
  lookUpTogether,
  type Questions,
} from "./questions.ts";
import { openSqlite } from "./sqlite.ts";
import { turnDirectly } from "./statements.ts";

/** An opened database with all models defined on it. Models belong to the database of the process that was opened last. */
export interface Database {
  readonly sequelize: Sequelize;
  readonly dialect: "sqlite" | "mysql";
  /** What `inTransaction` calls. */
  transact<T>(body: (transaction: Transaction) => Promise<T>): Promise<T>;
  /**
   * The rows of a SELECT, as the driver gives them: for the few questions that nearly every request asks. It is
   * prepared once; the models would cost many times what the database does.
   */
  ask: Ask;
  /** The row with a key, asked for in the same way. */
  lookUp: LookUp;
  /** Waits for writes that have begun, then lets go of all connections. */
  close(): Promise<void>;
}

/** Binds the models of one domain to a connection; every `models/<word>.ts` exports one. */
export type Define = (sequelize: Sequelize) => void;

/** Where the database is: a MySQL or MariaDB address, or the file of an SQLite database. */
export interface DatabasePlace {
  url?: string | undefined;
  file?: string | undefined;
}

const MOST_TRIES = 10;
const LONGEST_PAUSE_MS = 1000;

/** What is called with each event of `announceAfter`, once its transaction was committed. It must not throw. */
export type Announce = (event: Event) => unknown;

/** Opens one of both databases. A MySQL server is first spoken to by the first statement. */
export async function openDatabase(
  place: DatabasePlace & { define: Define | readonly Define[]; announce?: Announce },
): Promise<Database> {
  const url = place.url && new URL(place.url);
  const sequelize = url ? mysql(url) : await sqlite(place.file);
  for (const define of [place.define].flat()) define(sequelize);
  const questions = url ? askMysql({ ...mysqlServer(url), timezone: UTC }) : askSqlite(sequelize);
  return guard(sequelize, url ? "mysql" : "sqlite", questions, place.announce);
}

interface Announcing {
  [TO_ANNOUNCE]?: Event[];
}
const TO_ANNOUNCE = Symbol("events to announce after the commit");

/** Has other processes told of `event` as soon as, and only if, `transaction` was committed; a process that ends then may not. */
export function announceAfter(transaction: Transaction, event: Event): void {
  ((transaction as Announcing)[TO_ANNOUNCE] ??= []).push(event);
}

/**
 * Runs `body` in one transaction; every write of the product goes through here. `body` may run more than once
 * (deadlock, busy file, lost connection): it does nothing but read and write through its transaction. All statements
 * inside must be handed the transaction; one that is not, and a transaction inside a transaction, throw at once.
 */
export function inTransaction<T>(
  database: Database,
  body: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return database.transact(body);
}

/** Throws unless the database answers now. */
export async function checkDatabase({ sequelize }: Database): Promise<void> {
  await sequelize.query("SELECT 1", { type: QueryTypes.SELECT });
}

/** What an operator should know about how the server is set, in sentences; empty when all is well. */
export async function databaseWarnings({ sequelize, dialect }: Database): Promise<string[]> {
  if (dialect === "sqlite") return [];
  const [row] = await sequelize.query<{ flush: number }>(
    "SELECT @@innodb_flush_log_at_trx_commit AS flush",
    { type: QueryTypes.SELECT },
  );
  if (row?.flush === 1) return [];
  return ["MySQL may lose acknowledged work: set innodb_flush_log_at_trx_commit to 1."];
}

/** True for the error of an insert or update that meets an existing unique key. */
export function isTaken(error: unknown): boolean {
  return error instanceof Error && error.name === "SequelizeUniqueConstraintError";
}

const DEFINE = { underscored: true, timestamps: true, freezeTableName: true } as const;
const UTC = "+00:00";
const ONCE = { retry: { max: 1 }, logging: false } as const;

/** Where a server is, who asks, and how they speak with each other. */
function mysqlServer(url: URL): MysqlServer {
  return {
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    // An UPDATE counts the rows it matched, as SQLite does, and not only those it changed.
    flags: ["FOUND_ROWS"],
    charset: "utf8mb4",
    connectTimeout: 10_000,
    ...(url.searchParams.get("ssl") === "true" ? { ssl: {} } : {}),
  };
}

function mysql(url: URL): Sequelize {
  const { host, port, user: username, password, database, ...dialectOptions } = mysqlServer(url);
  return new Sequelize({
    ...ONCE,
    dialect: "mysql",
    host,
    port,
    username,
    password,
    database,
    timezone: UTC,
    define: DEFINE,
    pool: { max: 16, min: 0, idle: 30_000, acquire: 20_000 },
    dialectOptions: {
      ...dialectOptions,
      // Statements come with their values in them: the driver would look through all their letters for places to fill.
      queryFormat: (statement: string) => statement,
      // It knows the types of its columns: to ask a function about each field costs as much as to read a row.
      typeCast: true,
    },
    hooks: {
      afterConnect: async (connection: unknown) => {
        const session = (connection as MysqlConnection).promise();
        // Refuse what does not fit instead of cutting it; READ COMMITTED so that a retry sees what others did.
        await session.query(
          "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', SESSION innodb_lock_wait_timeout = 10",
        );
        await session.query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
      },
    },
  });
}

async function sqlite(file: string | undefined): Promise<Sequelize> {
  if (!file) throw new Error("a database needs an address or a file");
  const sequelize = await openSqlite(file, { ...ONCE, define: DEFINE });
  // Changing to WAL does not wait for other processes that do the same: SQLite answers busy at once.
  await retrying(() => sequelize.query("PRAGMA journal_mode = WAL"));
  return sequelize;
}

/**
 * Puts the rules in front of Sequelize: on SQLite every write of the process, a transaction or a single statement,
 * waits for the one before (waiters inside SQLite would each hold a thread of the process until they time out);
 * what a conflict or a lost connection undid runs again; a statement that forgot its transaction throws.
 */
function guard(
  sequelize: Sequelize,
  dialect: Database["dialect"],
  questions: Questions,
  announce?: Announce,
): Database {
  const query = sequelize.query.bind(sequelize) as (
    sql: Sql,
    options?: QueryOptions,
  ) => Promise<unknown>;
  const begin = sequelize.transaction.bind(sequelize);
  turnDirectly(sequelize, dialect === "sqlite" ? "BEGIN IMMEDIATE" : "START TRANSACTION");
  const inside = new AsyncLocalStorage<{ open: boolean }>();
  let running = 0;
  const inTurn = dialect === "sqlite" ? createQueue() : <T>(job: () => Promise<T>) => job();

  const transact: Database["transact"] = async (body) => {
    if (inside.getStore()?.open) {
      throw new Error("a transaction is running here: hand it on instead of beginning another");
    }
    return retrying(() =>
      inTurn(async () => {
        const transaction = await begin();
        const here = { open: true };
        running++;
        try {
          const result = await inside.run(here, () => body(transaction));
          here.open = false;
          await commit(transaction);
          if (announce) (transaction as Announcing)[TO_ANNOUNCE]?.forEach(announce);
          return result;
        } catch (error) {
          here.open = false;
          // The first error is the one to tell; a rollback fails when the connection is gone, which rolls back too.
          await rollback(transaction);
          throw error;
        } finally {
          // While it is in use Node looks at each promise of the process, also at those of requests that only read.
          if (--running === 0) inside.disable();
        }
      }),
    );
  };

  const guarded = (sql: Sql, options: QueryOptions = {}) => {
    if (options.transaction) return query(sql, options);
    if (inside.getStore()?.open) {
      return Promise.reject(
        new Error("a statement inside a transaction must be handed the transaction"),
      );
    }
    if (dialect === "mysql" || isRead(sql)) return retrying(() => query(sql, options));
    return transact((transaction) => query(sql, { ...options, transaction }));
  };
  sequelize.query = guarded as typeof sequelize.query;
  // Savepoints stay possible: they come with the transaction that they are in.
  const within = (options?: { transaction?: Transaction }) =>
    options?.transaction
      ? begin(options)
      : Promise.reject(new Error("transactions begin with inTransaction"));
  sequelize.transaction = within as typeof begin;

  const ask: Ask = (question, values) => retrying(() => questions.ask(question, values));
  return {
    sequelize,
    dialect,
    transact,
    ask: askTogether(ask),
    lookUp: lookUpTogether(ask),
    close: () =>
      inTurn(async () => {
        await questions.close();
        await sequelize.close();
      }),
  };
}

type MysqlServer = Required<
  Pick<ConnectionOptions, "host" | "port" | "user" | "password" | "database">
> &
  ConnectionOptions;

interface MysqlConnection {
  promise(): { query(sql: string): Promise<unknown> };
}

type Sql = string | { query: string; values: unknown[] };

function isRead(sql: Sql): boolean {
  return /^\s*(select|pragma|explain|show)\b/i.test(typeof sql === "string" ? sql : sql.query);
}

function createQueue(): <T>(job: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (job) => {
    const mine = last.then(job);
    last = mine.catch(() => undefined);
    return mine;
  };
}

async function commit(transaction: Transaction): Promise<void> {
  try {
    await transaction.commit();
  } catch (error) {
    if (!isLost(error)) throw error;
    // It may have happened: running the body again could do it twice.
    throw new Error("the database was lost while it committed", { cause: error });
  }
}

async function rollback(transaction: Transaction): Promise<void> {
  const { finished } = transaction as Transaction & { finished?: string };
  if (!finished) await transaction.rollback().catch(() => undefined);
}

async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === MOST_TRIES || !(isConflict(error) || isLost(error))) throw error;
      await sleep(Math.random() * Math.min(LONGEST_PAUSE_MS, 10 * 2 ** tries));
    }
  }
}

interface DriverError {
  code?: string;
  fatal?: boolean;
}

function driverError(error: unknown): DriverError | undefined {
  return error instanceof Error ? (error as { parent?: DriverError }).parent : undefined;
}

const CONFLICTS = new Set([
  "SQLITE_BUSY",
  "ER_LOCK_DEADLOCK",
  "ER_LOCK_WAIT_TIMEOUT",
  "ER_CHECKREAD",
]);

/** The database undid the statement or transaction for another's sake: the same again may succeed. */
function isConflict(error: unknown): boolean {
  return CONFLICTS.has(driverError(error)?.code ?? "");
}

const LOSSES = new Set(["PROTOCOL_CONNECTION_LOST", "ECONNRESET", "EPIPE", "ECONNREFUSED"]);

/** The connection ended before its work was committed. */
function isLost(error: unknown): boolean {
  const cause = driverError(error);
  return cause !== undefined && (cause.fatal === true || LOSSES.has(cause.code ?? ""));
}
