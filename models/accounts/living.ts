import { QueryTypes } from "sequelize";
import type { Database } from "../database.ts";

const TABLES = { session: "sessions", key: "api_keys" } as const;

/** Of these sessions or API keys, those that have not ended, of accounts that are not switched off. */
export async function livingOf(
  { sequelize }: Database,
  kind: keyof typeof TABLES,
  ids: readonly string[],
  now = new Date(),
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const from = `FROM ${TABLES[kind]} t JOIN accounts a ON a.id = t.account_id
    WHERE t.id IN (:ids) AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > :now) AND a.is_active = 1`;
  const asked = { type: QueryTypes.SELECT, replacements: { ids: [...ids], now } } as const;
  // Nearly always all of them are: a number tells it, and no rows need to be read.
  const [counted] = await sequelize.query<{ living: number }>(
    `SELECT COUNT(*) AS living ${from}`,
    asked,
  );
  if (Number(counted?.living) === ids.length) return new Set(ids);
  const rows = await sequelize.query<{ id: string }>(`SELECT t.id ${from}`, asked);
  return new Set(rows.map(({ id }) => id));
}
