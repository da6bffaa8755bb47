import type { Statement } from "@appthreat/sqlite3";
import {
  type Attributes,
  type CreationAttributes,
  DatabaseError,
  type Model,
  type Sequelize,
  type Transaction,
  UniqueConstraintError,
} from "sequelize";
import type { Column } from "./columns.ts";

// The few statements that are sent for every charge, every audit entry and every message. Through the models each costs
// many times what the database does for it: these go to the driver as they stand, are prepared once on each connection,
// and their rows are plain objects. They run in a transaction, on its own connection, beside what the models do there.

/** A row as it is kept: what an instance of the model has, without what it can do. */
export type Row<M extends Model> = Attributes<M>;

/** What a `?` can stand for. Numbers travel as doubles: whole ones are exact up to 2^53, which is all the models read. */
export type Value = string | number | Date | null;

/** Some of the columns of `M`, with what they are to be. */
type Given<M extends Model> = { [A in keyof Attributes<M>]?: string | number };

interface Choice<M extends Model> {
  /** The rows are this transaction's alone until it ends. */
  lock?: boolean;
  /** They come in the order of this column. */
  order?: keyof Attributes<M> & string;
  /** Only the one that comes last in the order of this column. */
  last?: keyof Attributes<M> & string;
}

/** A table by its own statements; its columns are those that its model is made of. */
export class Table<M extends Model> {
  readonly #name: string;
  readonly #columns: readonly Kept[];
  readonly #select: string;
  readonly #insert: string;
  readonly #places: string;

  constructor(name: string, columns: Readonly<Record<keyof Attributes<M> & string, Column>>) {
    const all = Object.entries<Column>(columns).map(keptOf);
    this.#name = name;
    this.#columns = all;
    this.#select = `SELECT ${all.map((one) => `${one.field} AS \`${one.name}\``).join(", ")} FROM ${name}`;
    this.#insert = `INSERT INTO ${name} (${all.map(({ field }) => field).join(", ")}) VALUES`;
    this.#places = `(${all.map(() => "?").join(", ")})`;
  }

  /** The rows with these values. */
  async find(
    where: Given<M>,
    transaction: Transaction,
    { lock = false, order, last }: Choice<M> = {},
  ): Promise<Row<M>[]> {
    const wire = wireOf(transaction);
    let sql = `${this.#select} WHERE ${conditionsOf(where)}`;
    if (order) sql += ` ORDER BY ${fieldOf(order)}`;
    if (last) sql += ` ORDER BY ${fieldOf(last)} DESC LIMIT 1`;
    if (lock) sql += wire.lock;
    const rows = await wire.ask(sql, valuesOf(where));
    for (const row of rows) {
      for (const { name, read } of this.#columns) if (read) row[name] = read(row[name]);
    }
    return rows;
  }

  /** The one row with these values, if there is one. */
  async findOne(...given: Parameters<Table<M>["find"]>): Promise<Row<M> | undefined> {
    return (await this.find(...given))[0];
  }

  /**
   * Adds rows by one statement, and answers them. What the columns say is held to: nothing is null that may not be, no
   * text too long, no state unknown. A unique key that is taken is the error that `isTaken` knows.
   */
  async add(rows: readonly CreationAttributes<M>[], transaction: Transaction): Promise<Row<M>[]> {
    const now = new Date();
    const values: Value[] = [];
    const added = rows.map((given): Row<M> => {
      const row: Record<string, unknown> = { ...given };
      for (const { name, otherwise, isTime, check, write } of this.#columns) {
        const value = (row[name] ??= isTime ? now : otherwise);
        check(value);
        values.push(write(value));
      }
      return row;
    });
    const sql = `${this.#insert} ${rows.map(() => this.#places).join(", ")}`;
    await tell(sql, values, transaction);
    return added;
  }

  /** Sets columns of the rows with these values, held to what they say of themselves; answers how many rows matched. */
  set(where: Given<M>, change: Partial<Row<M>>, transaction: Transaction): Promise<number> {
    const values: Value[] = [];
    const changed = this.#columns.filter(({ name }) => name in change || name === "updatedAt");
    for (const { name, check, write } of changed) {
      const value = name in change ? change[name as keyof Row<M>] : new Date();
      check(value);
      values.push(write(value));
    }
    const places = changed.map(({ field }) => `${field} = ?`).join(", ");
    const sql = `UPDATE ${this.#name} SET ${places} WHERE ${conditionsOf(where)}`;
    return tell(sql, [...values, ...valuesOf(where)], transaction);
  }
}

/** Runs an UPDATE that no table has, whose words are always the same, and answers how many rows it matched. */
export function tell(
  sql: string,
  values: readonly Value[],
  transaction: Transaction,
): Promise<number> {
  return wireOf(transaction).tell(sql, values);
}

interface Turns {
  startTransaction(transaction: Transaction, options: object): Promise<unknown>;
  commitTransaction(transaction: Transaction, options: object): Promise<unknown>;
  rollbackTransaction(transaction: Transaction, options: object): Promise<unknown>;
}

/**
 * Lets transactions begin and end by the driver's own word: Sequelize's way to it costs as much as what is in them. A
 * savepoint goes its way as ever.
 */
export function turnDirectly(sequelize: Sequelize, begin: string): void {
  const turns = sequelize.getQueryInterface() as unknown as Turns;
  const say = (verb: keyof Turns, sql: string, finished?: "commit" | "rollback") => {
    const ask = turns[verb].bind(turns);
    turns[verb] = (transaction, options) => {
      const { parent } = transaction as { parent?: Transaction };
      if (parent) return ask(transaction, options);
      if (finished) Object.assign(transaction, { finished });
      return wireOf(transaction).say(sql);
    };
  };
  say("startTransaction", begin);
  say("commitTransaction", "COMMIT", "commit");
  say("rollbackTransaction", "ROLLBACK", "rollback");
}

interface Kept {
  /** As the model calls it, and as the database does. */
  name: string;
  field: string;
  /** Where nothing is given. */
  otherwise: unknown;
  isTime: boolean;
  /** Throws for what the model would refuse. */
  check: (value: unknown) => void;
  write: (value: unknown) => Value;
  /** Not there where the driver's value is the column's. */
  read?: (kept: unknown) => unknown;
}

const TIMES = new Set(["createdAt", "updatedAt"]);

function keptOf([name, column]: [string, Column]): Kept {
  const { type, defaultValue = null } = column;
  const kept: Kept = {
    name,
    field: fieldOf(name),
    otherwise: defaultValue,
    isTime: TIMES.has(name),
    check: checkOf(name, column),
    write: (value) => value as Value,
  };
  const isMoment = (type as { key?: string }).key === "DATE";
  if (isMoment) return { ...kept, read: (value) => value && new Date(value as string) };
  // Only columns of JSON are read by a function of their own.
  if (!("get" in column)) return kept;
  return {
    ...kept,
    write: (value) => (value === null ? null : JSON.stringify(value)),
    read: (value) => (typeof value === "string" ? (JSON.parse(value) as unknown) : value),
  };
}

function conditionsOf(where: object): string {
  const names = Object.keys(where);
  return names.length > 0 ? names.map((name) => `${fieldOf(name)} = ?`).join(" AND ") : "TRUE";
}

function valuesOf(where: object): Value[] {
  return Object.values(where) as Value[];
}

function fieldOf(name: string): string {
  return `\`${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}\``;
}

function checkOf(name: string, { allowNull, validate = {} }: Column): Kept["check"] {
  const { len, isIn } = validate as { len?: [number, number]; isIn?: [readonly unknown[]] };
  const most = len?.[1] ?? Infinity;
  return (value) => {
    if (value === null) {
      if (!allowNull) throw new Error(`${name} may not be null`);
    } else if (isIn && !isIn[0].includes(value)) {
      throw new Error(`${name} may not be ${JSON.stringify(value)}`);
    } else if (typeof value === "string" && value.length > most && charactersOf(value) > most) {
      throw new Error(`${name} may not have more than ${most} characters`);
    }
  };
}

/** As both databases count: a character outside the basic plane is one. */
function charactersOf(text: string): number {
  return text.length - (text.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0);
}

/** How a transaction's connection is spoken to. */
interface Wire {
  /** What keeps the rows of a SELECT. On SQLite the transaction itself is the lock. */
  lock: "" | " FOR UPDATE";
  ask(sql: string, values: readonly Value[]): Promise<Record<string, unknown>[]>;
  /** Answers how many rows were written. */
  tell(sql: string, values: readonly Value[]): Promise<number>;
  /** Says what has no values. */
  say(sql: string): Promise<unknown>;
}

type Done<T> = (error: Error | null, answer: T) => void;

interface MysqlConnection {
  query(sql: string, done: Done<unknown>): void;
  execute(sql: string, values: readonly Value[], done: Done<unknown>): void;
}

/** A connection of ours to an SQLite database: it keeps what it has prepared. */
export interface SqliteConnection {
  prepared(sql: string): Promise<Statement>;
}

function wireOf(transaction: Transaction): Wire {
  const { connection } = transaction as unknown as {
    connection: MysqlConnection | SqliteConnection;
  };
  return "prepared" in connection ? sqliteWire(connection) : mysqlWire(connection);
}

function mysqlWire(connection: MysqlConnection): Wire {
  const execute = <T>(sql: string, values: readonly Value[]) =>
    answerOf<T>((done) => connection.execute(sql, values, done as Done<unknown>));
  return {
    lock: " FOR UPDATE",
    ask: execute,
    tell: async (sql, values) =>
      (await execute<{ affectedRows: number }>(sql, values)).affectedRows,
    // MySQL does not prepare the beginning of a transaction.
    say: (sql) => answerOf((done) => connection.query(sql, done)),
  };
}

function sqliteWire(connection: SqliteConnection): Wire {
  const tell: Wire["tell"] = async (sql, values) => {
    const statement = await connection.prepared(sql);
    return answerOf((done) =>
      statement.run(values.map(sqliteValue), function (error) {
        done(error, this.changes);
      }),
    );
  };
  return {
    lock: "",
    async ask(sql, values) {
      const statement = await connection.prepared(sql);
      return answerOf((done) => statement.all(values.map(sqliteValue), done as Done<object[]>));
    },
    tell,
    say: (sql) => tell(sql, []),
  };
}

/** Moments are kept as the models write them. */
function sqliteValue(value: Value): Value {
  return value instanceof Date
    ? `${value.toISOString().replace("T", " ").slice(0, -1)} +00:00`
    : value;
}

/** What the driver answers. Its errors become those that the models throw: one rule tells what each of them means. */
export function answerOf<T>(ask: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((error, answer) => (error ? reject(asModelsError(error)) : resolve(answer)));
  });
}

function asModelsError(error: Error): Error {
  const parent = Object.assign(error, { sql: "" });
  const words = `${(error as NodeJS.ErrnoException).code} ${error.message}`;
  return /ER_DUP_ENTRY|UNIQUE constraint failed/.test(words)
    ? new UniqueConstraintError({ parent, message: error.message })
    : new DatabaseError(parent);
}
