import {
  DataTypes,
  type ModelAttributes,
  type QueryInterface,
  QueryTypes,
  type Sequelize,
  type Transaction,
} from "sequelize";
import type { Column } from "../columns.ts";
import type { Database } from "../database.ts";

/** One step of the schema. Its name never changes; what it says is never edited once it was released. */
export interface Migration {
  name: string;
  up: (schema: Schema) => Promise<void>;
  down: (schema: Schema) => Promise<void>;
}

/** A unique or plain index over columns; its name is made from the table's and the columns' names. */
interface Index {
  columns: string[];
  unique?: boolean;
}

/** What a migration may do. Table and column names are snake_case here. */
export interface Schema {
  /** Twice is harmless: MySQL cannot undo half a migration, so one that was cut short runs again. */
  createTable: (name: string, columns: Record<string, Column>, indexes?: Index[]) => Promise<void>;
  dropTable: (name: string) => Promise<void>;
  /** Twice is harmless. A column that may not be null says what the rows that exist get: its `defaultValue`. */
  addColumns: (table: string, columns: Record<string, Column>) => Promise<void>;
  /** Indexes over them go first, with `dropIndexes`. */
  dropColumns: (table: string, columns: string[]) => Promise<void>;
  hasColumn: (table: string, column: string) => Promise<boolean>;
  /** Twice is harmless. */
  addIndexes: (table: string, indexes: Index[]) => Promise<void>;
  dropIndexes: (table: string, indexes: Pick<Index, "columns">[]) => Promise<void>;
  /** Runs one statement that both databases understand. */
  run: (sql: string) => Promise<void>;
  /** For everything else; hand on `transaction` with each call. */
  queryInterface: QueryInterface;
  transaction: Transaction;
}

/** The schema of `database` as a migration sees it, inside `transaction`. */
export async function openSchema(database: Database, transaction: Transaction): Promise<Schema> {
  const { sequelize, dialect } = database;
  const queryInterface = sequelize.getQueryInterface();
  const collation = dialect === "mysql" ? await exactCollation(sequelize, transaction) : undefined;
  const run: Schema["run"] = async (sql) => {
    await sequelize.query(sql, { transaction });
  };
  const addIndexes: Schema["addIndexes"] = async (table, indexes) => {
    const there = new Set(await indexNames(queryInterface, table, transaction));
    for (const index of indexes) {
      const { columns: fields, unique = false } = index;
      const name = indexName(table, index);
      if (there.has(name)) continue;
      await queryInterface.addIndex(table, { name, fields, unique, transaction });
    }
  };
  return {
    queryInterface,
    transaction,
    run,
    addIndexes,
    async createTable(name, columns, indexes = []) {
      await queryInterface.createTable(name, definitions(columns, dialect), {
        transaction,
        ...(collation ? { charset: "utf8mb4", collate: collation, engine: "InnoDB" } : {}),
      });
      await addIndexes(name, indexes);
    },
    async dropTable(name) {
      await queryInterface.dropTable(name, { transaction });
    },
    async addColumns(table, columns) {
      const there = await columnsOf(sequelize, table, transaction);
      for (const [name, column] of Object.entries(definitions(columns, dialect))) {
        if (there.has(name)) continue;
        await queryInterface.addColumn(table, name, column, { transaction });
      }
    },
    async dropColumns(table, columns) {
      const there = await columnsOf(sequelize, table, transaction);
      // Not by Sequelize, which on SQLite copies the table and loses its indexes.
      for (const name of columns.filter((column) => there.has(column))) {
        await run(`ALTER TABLE ${table} DROP COLUMN ${name}`);
      }
    },
    async hasColumn(table, column) {
      return (await columnsOf(sequelize, table, transaction)).has(column);
    },
    async dropIndexes(table, indexes) {
      const there = new Set(await indexNames(queryInterface, table, transaction));
      for (const name of indexes.map((index) => indexName(table, index))) {
        if (there.has(name)) await queryInterface.removeIndex(table, name, { transaction });
      }
    },
  };
}

function indexName(table: string, { columns }: Pick<Index, "columns">): string {
  return [table, ...columns].join("_");
}

async function columnsOf(
  sequelize: Sequelize,
  table: string,
  transaction: Transaction,
): Promise<Set<string>> {
  const rows = await sequelize.query<{ name: string }>(
    sequelize.getDialect() === "sqlite"
      ? `SELECT name FROM pragma_table_info('${table}')`
      : `SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '${table}'`,
    { type: QueryTypes.SELECT, transaction },
  );
  return new Set(rows.map(({ name }) => name));
}

/**
 * What SQLite does not need to know: CHAR columns hold ids and digests, which are ASCII, so that their keys need a
 * quarter of the room; TEXT is to hold 16 MiB, and not 64 KiB.
 */
function definitions(
  columns: Record<string, Column>,
  dialect: Database["dialect"],
): ModelAttributes {
  if (dialect === "sqlite") return columns;
  return Object.fromEntries(
    Object.entries(columns).map(([name, column]) => {
      if (column.type instanceof DataTypes.CHAR) {
        const type = `${column.type.toSql()} CHARACTER SET ascii COLLATE ascii_bin`;
        return [name, { ...column, type }];
      }
      return [name, column.type === DataTypes.TEXT ? { ...column, type: "MEDIUMTEXT" } : column];
    }),
  );
}

/** The collation that compares byte by byte, trailing spaces included, as SQLite does. MySQL and MariaDB name it differently. */
async function exactCollation(sequelize: Sequelize, transaction: Transaction): Promise<string> {
  const found = await sequelize.query<{ name: string }>(
    "SELECT COLLATION_NAME AS name FROM information_schema.COLLATIONS WHERE COLLATION_NAME IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')",
    { type: QueryTypes.SELECT, transaction },
  );
  if (!found[0])
    throw new Error("the database server must be MySQL 8.0.17 or MariaDB 10.2, or newer");
  return found[0].name;
}

async function indexNames(
  queryInterface: QueryInterface,
  table: string,
  transaction: Transaction,
): Promise<string[]> {
  const indexes = (await queryInterface.showIndex(table, { transaction })) as { name: string }[];
  return indexes.map(({ name }) => name);
}
