import { DatabaseError, type Sequelize } from "sequelize";

/** What a prepared question can be asked about. */
type Value = string | number | null;

/** The rows of a SELECT, as the driver gives them. */
export type Ask = <Row extends object>(
  question: string,
  values: readonly Value[],
) => Promise<Row[]>;

/** Prepared statements beside the models, on the connections that the models use. */
export interface Questions {
  ask: Ask;
  /** Gives the statements back, so that their connection can be closed. */
  close(): Promise<void>;
}

type Answer = (error: Error | null, rows: object[]) => void;
type Values = readonly Value[];

interface Statement {
  all(values: Values, answer: Answer): void;
  finalize(done: () => void): void;
}

/** What the connections of both drivers can do. */
interface Connection {
  /** SQLite. */
  prepare(question: string, prepared: (error: Error | null) => void): Statement;
  /** MySQL; it keeps what it has prepared. */
  execute(question: string, values: Values, answer: Answer): void;
}

interface Connections {
  getConnection(options: object): Promise<Connection>;
  releaseConnection(connection: Connection): void;
}

/** The questions that can be asked of a database. */
export function openQuestions(sequelize: Sequelize, dialect: "sqlite" | "mysql"): Questions {
  const manager = sequelize.connectionManager as unknown as Connections;
  return dialect === "sqlite" ? onSqlite(manager) : onMysql(manager);
}

function onSqlite(manager: Connections): Questions {
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

function onMysql(manager: Connections): Questions {
  return {
    async ask(question, values) {
      const connection = await manager.getConnection({});
      try {
        return await answerOf((answer) => connection.execute(question, values, answer));
      } finally {
        manager.releaseConnection(connection);
      }
    },
    close: () => Promise.resolve(),
  };
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
