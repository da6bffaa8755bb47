import { QueryTypes, type Transaction } from "sequelize";
import { Umzug } from "umzug";
import { type Database, inTransaction } from "./database.ts";
import { text } from "./columns.ts";
import { MIGRATIONS } from "./migrations/index.ts";
import { type Migration, openSchema, type Schema } from "./migrations/migration.ts";

const TABLE = "migrations";
const LOCK_SECONDS = 60;

/** Brings the database up to date and answers what ran. Two processes may do so at once: one waits for the other. */
export async function migrate(
  database: Database,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<string[]> {
  return locked(database, async (schema) => {
    const done = await umzug(database, schema, migrations).up();
    return done.map(({ name }) => name);
  });
}

/** Takes back the newest `steps` migrations and answers which. Their tables' rows are gone. */
export async function rollbackMigrations(
  database: Database,
  steps: number,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<string[]> {
  return locked(database, async (schema) => {
    const undone = await umzug(database, schema, migrations).down({ step: steps });
    return undone.map(({ name }) => name);
  });
}

/** The migrations that have not run yet, oldest first. */
export async function pendingMigrations(
  database: Database,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<string[]> {
  const tables = await database.sequelize.getQueryInterface().showAllTables();
  const done = tables.includes(TABLE) ? new Set(await executed(database)) : new Set();
  return migrations.map(({ name }) => name).filter((name) => !done.has(name));
}

function umzug(
  database: Database,
  schema: Schema,
  migrations: readonly Migration[],
): Umzug<Schema> {
  const { queryInterface, transaction } = schema;
  return new Umzug<Schema>({
    context: schema,
    logger: undefined,
    migrations: migrations.map(({ name, up, down }) => ({
      name,
      up: ({ context }) => up(context),
      down: ({ context }) => down(context),
    })),
    storage: {
      executed: () => executed(database, transaction),
      logMigration: async ({ name }) => {
        await queryInterface.bulkInsert(TABLE, [{ name }], { transaction });
      },
      unlogMigration: async ({ name }) => {
        await queryInterface.bulkDelete(TABLE, { name }, { transaction });
      },
    },
  });
}

async function executed({ sequelize }: Database, transaction?: Transaction): Promise<string[]> {
  const rows = await sequelize.query<{ name: string }>(`SELECT name FROM ${TABLE} ORDER BY name`, {
    type: QueryTypes.SELECT,
    ...(transaction ? { transaction } : {}),
  });
  return rows.map(({ name }) => name);
}

/**
 * On SQLite the transaction is the lock, and a migration that fails leaves nothing. MySQL commits each change of a
 * table by itself: there the transaction only keeps the one connection that holds the named lock.
 */
async function locked<T>(database: Database, body: (schema: Schema) => Promise<T>): Promise<T> {
  return inTransaction(database, async (transaction) => {
    const { sequelize, dialect } = database;
    const select = (sql: string) =>
      sequelize.query<{ answer: number | null }>(sql, { type: QueryTypes.SELECT, transaction });
    if (dialect === "mysql") {
      const [lock] = await select(
        `SELECT GET_LOCK(CONCAT('migrations ', MD5(DATABASE())), ${LOCK_SECONDS}) AS answer`,
      );
      if (lock?.answer !== 1) throw new Error("another process has been migrating for a minute");
    }
    try {
      const schema = await openSchema(database, transaction);
      await schema.createTable(TABLE, { name: text(100, { primaryKey: true }) });
      return await body(schema);
    } finally {
      if (dialect === "mysql") {
        await select("SELECT RELEASE_LOCK(CONCAT('migrations ', MD5(DATABASE()))) AS answer");
      }
    }
  });
}
