import { QueryTypes } from "sequelize";
import type { Database } from "../../models/database.ts";

/** Runs `body` and answers the SELECT statements that it sent. */
export async function watchSelects(
  { sequelize }: Database,
  body: () => Promise<unknown>,
): Promise<string[]> {
  const sent: string[] = [];
  // Sequelize's types do not know that it asks here before each statement whether it is to be told.
  const { options } = sequelize as unknown as { options: { logging: unknown } };
  const before = options.logging;
  options.logging = (line: string) => {
    const statement = line.replace(/^Executing \(\w+\): /, "");
    if (statement.startsWith("SELECT ")) sent.push(statement);
  };
  try {
    await body();
  } finally {
    options.logging = before;
  }
  return sent;
}

/**
 * What is wrong with the way in which the database would answer a SELECT: tables that it would read from end to end,
 * and pages for which it would first sort everything. Empty when an index leads to the rows.
 */
export async function planFaults(database: Database, statement: string): Promise<string[]> {
  return database.dialect === "sqlite"
    ? sqliteFaults(database, statement)
    : mysqlFaults(database, statement);
}

/** A page of everything there is may follow an index from its end; it stops when it is full. */
const isOpenPage = (statement: string) =>
  !/ WHERE /.test(statement) && / ORDER BY .* LIMIT /.test(statement);

async function sqliteFaults({ sequelize }: Database, statement: string): Promise<string[]> {
  const steps = await sequelize.query<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`, {
    type: QueryTypes.SELECT,
  });
  return steps
    .map(({ detail }) => detail)
    .filter((detail) => {
      if (/^SCAN (?!CONSTANT)/.test(detail)) {
        return !(isOpenPage(statement) && / USING (COVERING )?INDEX /.test(detail));
      }
      return /TEMP B-TREE FOR ORDER BY/.test(detail) && / LIMIT /.test(statement);
    });
}

async function mysqlFaults({ sequelize }: Database, statement: string): Promise<string[]> {
  const [row] = await sequelize.query<{ EXPLAIN: string }>(`EXPLAIN FORMAT=JSON ${statement}`, {
    type: QueryTypes.SELECT,
  });
  const faults: string[] = [];
  const walk = (node: unknown, name = ""): void => {
    if (typeof node !== "object" || node === null) return;
    const { access_type: access, table_name: table } = node as Record<string, unknown>;
    if (access === "ALL" || (access === "index" && !isOpenPage(statement))) {
      faults.push(`${access} of ${String(table)}`);
    }
    if (/filesort/.test(name) && / LIMIT /.test(statement)) faults.push(name);
    for (const [key, value] of Object.entries(node)) walk(value, key);
  };
  walk(JSON.parse(row!.EXPLAIN));
  return faults;
}
