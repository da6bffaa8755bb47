import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { type DatabasePlace, openDatabase } from "../../../models/database.ts";
import { MODELS } from "../../../models/index.ts";
import { migrate } from "../../../models/schema.ts";

/** vitest global set-up: a file with all tables, to be copied: that takes a fraction of the time of the migrations. */
export async function setup(project: TestProject): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-tables-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "longhaul.sqlite");
  await makeTables({ file });
  project.provide("tables", { file });
}

/** Brings an empty database to what the product starts with. */
export async function makeTables(place: DatabasePlace): Promise<void> {
  const database = await openDatabase({ ...place, define: MODELS });
  try {
    await migrate(database);
  } finally {
    await database.close();
  }
}
