import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import driver, { type Statement } from "@appthreat/sqlite3";
import { type IndexHint, type Options, Sequelize } from "sequelize";
import { answerOf, type SqliteConnection } from "./statements.ts";

const BUSY_TIMEOUT_MS = 5000;

/**
 * Opens the file of an SQLite database, which is made when there is none; `options` are what both databases have. It is
 * not in WAL mode yet.
 */
export async function openSqlite(file: string, options: Options): Promise<Sequelize> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const sequelize = new Sequelize({
    ...options,
    dialect: "sqlite",
    storage: file,
    dialectModule: sqliteDriver(),
  });
  shareWriter(sequelize);
  nameIndexes(sequelize);
  return sequelize;
}

interface SqliteConnections {
  connections: Record<string, { close(done: () => void): void }>;
  getConnection: (options?: { uuid?: string }) => Promise<unknown>;
  releaseConnection: () => void;
  destroyConnection: () => Promise<void>;
}

/**
 * Gives all transactions one connection, since they come one at a time: Sequelize opens one for each, which costs more
 * than the transaction, and forgets to close those that failed to begin.
 */
function shareWriter(sequelize: Sequelize): void {
  const manager = sequelize.connectionManager as unknown as SqliteConnections;
  const get = manager.getConnection.bind(manager);
  manager.getConnection = async ({ uuid } = {}) => {
    const name = uuid ? "writer" : "default";
    try {
      return await get({ uuid: name });
    } catch (error) {
      delete manager.connections[name];
      throw error;
    }
  };
  manager.releaseConnection = () => undefined;
  manager.destroyConnection = async () => {
    const { writer } = manager.connections;
    delete manager.connections["writer"];
    await new Promise<void>((resolve) => (writer ? writer.close(resolve) : resolve()));
  };
}

interface SqliteStatements {
  selectFromTableFragment: (options: { indexHints?: IndexHint[] }, ...rest: unknown[]) => string;
}

/**
 * Lets a list name its index, which Sequelize does for servers alone: SQLite knows nothing of the rows, and of several
 * indexes takes one by which it may walk over all of them.
 */
function nameIndexes(sequelize: Sequelize): void {
  const statements = sequelize.getQueryInterface().queryGenerator as SqliteStatements;
  const select = statements.selectFromTableFragment.bind(statements);
  statements.selectFromTableFragment = (options, ...rest) => {
    const index = options.indexHints?.[0]?.values[0];
    // The primary key has no name here.
    const isNamed = index !== undefined && index !== "PRIMARY";
    return select(options, ...rest) + (isNamed ? ` INDEXED BY \`${index}\`` : "");
  };
}

/** A page that many transactions change goes into the file once for all of them: the journal is let grow to 16 MiB. */
const SQLITE_SETTINGS =
  "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000;";

/**
 * The driver with the constants that its export lacks and cannot be given, and with connections that have our settings
 * and keep what they have prepared.
 */
function sqliteDriver(): object {
  // oxlint-disable-next-line import/no-named-as-default-member -- the named export does not exist at run time
  class Database extends driver.Database implements SqliteConnection {
    readonly #prepared = new Map<string, Promise<Statement>>();

    constructor(file: string, mode: number, opened: (error: Error | null) => void) {
      super(file, mode, (error) => {
        if (error) return opened(error);
        this.configure("busyTimeout", BUSY_TIMEOUT_MS);
        return this.exec(SQLITE_SETTINGS, opened);
      });
    }

    prepared(sql: string): Promise<Statement> {
      const before = this.#prepared.get(sql);
      if (before) return before;
      const prepared = answerOf<Statement>((done) => {
        const statement = this.prepare(sql, (error) => done(error, statement));
      });
      this.#prepared.set(sql, prepared);
      prepared.catch(() => this.#prepared.delete(sql));
      return prepared;
    }

    override close(closed?: (error: Error | null) => void): void {
      void this.#forget().then(() => super.close(closed));
    }

    /** A connection with prepared statements does not close. */
    async #forget(): Promise<void> {
      for (const [sql, prepared] of this.#prepared) {
        this.#prepared.delete(sql);
        const statement = await prepared.catch(() => undefined);
        await new Promise<void>((resolve) => (statement ? statement.finalize(resolve) : resolve()));
      }
    }
  }
  return { ...driver, Database, OPEN_READONLY: 1, OPEN_READWRITE: 2, OPEN_CREATE: 4 };
}
