import { type Connection, type ConnectionOptions, createConnection } from "mysql2";
import { DatabaseError, type Sequelize } from "sequelize";

/** What a prepared question can be asked about. */
type Value = string | number | null;

/** The rows of a SELECT, as the driver gives them, to be looked at only: others may have asked the same. */
export type Ask = <Row extends object>(
  question: string,
  values: readonly Value[],
) => Promise<Row[]>;

/** A question about things that each have a key of their own. */
export interface Lookup {
  /** A SELECT with one `IN (?)`, where the keys go. */
  question: string;
  /** Which column of a row is its key. */
  column: string;
}

/** The row with this key, as the driver gives it, to be looked at only; undefined when there is none. */
export type LookUp = <Row extends object>(lookup: Lookup, key: string) => Promise<Row | undefined>;

/** Prepared statements beside the models. */
export interface Questions {
  ask: Ask;
  /** Gives the statements and their connections back. */
  close(): Promise<void>;
}

type Answer = (error: Error | null, rows: object[]) => void;
type Values = readonly Value[];

interface Statement {
  all(values: Values, answer: Answer): void;
  finalize(done: () => void): void;
}

interface SqliteConnections {
  getConnection(options: object): Promise<{
    prepare(question: string, prepared: (error: Error | null) => void): Statement;
  }>;
}

/**
 * Lets a crowd that asks the same at the same time have one answer. It is always read after the last of them came: who
 * comes while it is being read waits for the next.
 */
export function askTogether(ask: Ask): Ask {
  const running = new Map<string, Map<string, Running>>();
  return <Row extends object>(question: string, values: readonly Value[]) => {
    let same = running.get(question);
    if (!same) running.set(question, (same = new Map()));
    const key = JSON.stringify(values);
    const begin = () => {
      const answer = ask<Row>(question, values);
      const mine: Running = { answer };
      same.set(key, mine);
      const end = () => void (same.get(key) === mine && same.delete(key));
      answer.then(end, end);
      return answer;
    };
    const before = same.get(key);
    return before
      ? ((before.next ??= before.answer.then(begin, begin)) as Promise<Row[]>)
      : begin();
  };
}

/** A question that was asked and is not answered yet; `next` is its answer to those who came later. */
interface Running {
  answer: Promise<object[]>;
  next?: Promise<object[]>;
}

/** How many keys a statement may have: each number is a statement of its own, prepared once. */
const PLACES = [1, 4, 16] as const;

/**
 * Answers a crowd that looks up one kind of thing by few statements: who comes while one is under way is asked for by
 * the next, together with all others who came. So each row is read after it was asked for.
 */
export function lookUpTogether(ask: Ask): LookUp {
  const crowds = new Map<Lookup, Wanted[]>();
  const answer = async (lookup: Lookup, crowd: Wanted[]) => {
    while (crowd.length > 0) await answerSome(ask, lookup, crowd.splice(0, PLACES.at(-1)));
    crowds.delete(lookup);
  };
  return <Row extends object>(lookup: Lookup, key: string) =>
    new Promise<Row | undefined>((resolve, reject) => {
      const wanted = { key, resolve: resolve as Wanted["resolve"], reject };
      const crowd = crowds.get(lookup);
      if (crowd) return void crowd.push(wanted);
      const first = [wanted];
      crowds.set(lookup, first);
      void answer(lookup, first);
    });
}

/** A row that somebody waits for. */
interface Wanted {
  key: string;
  resolve: (row: object | undefined) => void;
  reject: (error: unknown) => void;
}

async function answerSome(ask: Ask, lookup: Lookup, some: readonly Wanted[]): Promise<void> {
  const keys = new Set(some.map(({ key }) => key));
  const places = PLACES.find((places) => places >= keys.size)!;
  const values = [...keys];
  while (values.length < places) values.push(values[0]!);
  const question = lookup.question.replace("(?)", `(${values.map(() => "?").join(", ")})`);
  try {
    const rows = await ask<Record<string, unknown>>(question, values);
    const found = new Map(rows.map((row) => [row[lookup.column], row]));
    for (const { key, resolve } of some) resolve(found.get(key));
  } catch (error) {
    for (const { reject } of some) reject(error);
  }
}

/** The questions that can be asked of an SQLite database, on the connection that the models read by. */
export function askSqlite(sequelize: Sequelize): Questions {
  const manager = sequelize.connectionManager as unknown as SqliteConnections;
  const prepared = new Map<string, Promise<Statement>>();
  const ready = new Map<string, Statement>();
  const prepare = async (question: string) => {
    const connection = await manager.getConnection({});
    return new Promise<Statement>((resolve, reject) => {
      const statement = connection.prepare(question, (error) => {
        if (error) {
          prepared.delete(question);
          return reject(asDatabaseError(error));
        }
        ready.set(question, statement);
        return resolve(statement);
      });
    });
  };
  return {
    ask(question, values) {
      const statement = ready.get(question);
      if (statement) return askOf(statement, values);
      const asked = prepared.get(question) ?? prepare(question);
      prepared.set(question, asked);
      return asked.then((one) => askOf(one, values));
    },
    async close() {
      ready.clear();
      for (const statement of prepared.values()) {
        await statement.then(
          (ready) => new Promise<void>((resolve) => ready.finalize(resolve)),
          () => {},
        );
      }
      prepared.clear();
    },
  };
}

/** So many are asked at the same time; those that come then wait behind one of these. */
const MOST_LANES = 4;
/** What was silent for longer may be dead without knowing. */
const SILENT_MS = 30_000;

/**
 * The questions that can be asked of a MySQL server, on connections of their own: those of the models read each field
 * by a function, which costs more than the question, and go through a pool, which costs as much again.
 */
export function askMysql(options: ConnectionOptions): Questions {
  const lanes = new Set<Lane>();
  const open = () => {
    const connection = createConnection({ ...options, supportBigNumbers: true });
    const lane = new Lane(connection, () => lanes.delete(lane));
    lanes.add(lane);
    return lane;
  };
  const freest = () => {
    let least: Lane | undefined;
    for (const lane of lanes) {
      if (lane.waiting > 0) least = least && least.waiting <= lane.waiting ? least : lane;
      else if (lane.wasUsedSince(performance.now() - SILENT_MS)) return lane;
      else void lane.close();
    }
    return least && lanes.size >= MOST_LANES ? least : open();
  };
  return {
    ask: (question, values) => freest().ask(question, values),
    async close() {
      await Promise.all([...lanes].map((lane) => lane.close()));
    },
  };
}

/** One connection, which answers one question after the other. It is left when it is lost. */
class Lane {
  waiting = 0;
  #usedAt = performance.now();
  readonly #connection: Connection;
  readonly #leave: () => void;

  constructor(connection: Connection, leave: () => void) {
    this.#connection = connection.on("error", leave).on("end", leave);
    this.#leave = leave;
  }

  ask<Row>(question: string, values: Values): Promise<Row[]> {
    this.waiting++;
    return answerOf((answer) =>
      this.#connection.execute(question, values as Value[], (error, rows) => {
        this.waiting--;
        this.#usedAt = performance.now();
        if (error?.fatal) this.#leave();
        answer(error, rows as object[]);
      }),
    );
  }

  wasUsedSince(moment: number): boolean {
    return this.#usedAt > moment;
  }

  close(): Promise<void> {
    this.#leave();
    return new Promise((resolve) => this.#connection.end(() => resolve()));
  }
}

function askOf<Row>(statement: Statement, values: Values): Promise<Row[]> {
  return answerOf((answer) => statement.all(values, answer));
}

function answerOf<Row>(ask: (answer: Answer) => void): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    ask((error, rows) => (error ? reject(asDatabaseError(error)) : resolve(rows as Row[])));
  });
}

/** The same error as the models would throw, so that what is tried again, and what is an outage, is told by one rule. */
function asDatabaseError(error: Error): DatabaseError {
  return new DatabaseError(Object.assign(error, { sql: "" }));
}
