import { join } from "node:path";
import type { Env } from "./env.ts";

/** The place of the database: a server when one is named, else a file in the data folder. */
export function databasePlace(env: Env): { url?: string | undefined; file: string } {
  return { url: env.DATABASE_URL, file: join(env.dataFolder, "db", "longhaul.sqlite") };
}
