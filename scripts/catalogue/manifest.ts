import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { type Model, type ModelStatic, Op, literal, type WhereOptions } from "sequelize";
import { z } from "zod";
import { Counter } from "../../models/operations.ts";
import {
  Package,
  PackageChannel,
  PackageDownload,
  PackageFinding,
  PackageRun,
  PackageScan,
  PackageStep,
  PackageVersion,
} from "../../models/packages/index.ts";
import { Pipeline, PipelineVersion } from "../../models/pipelines.ts";

/** A table of the catalogue: which rows of it, in which order. Parents come before their children. */
export interface CatalogueTable {
  name: string;
  model: ModelStatic<Model>;
  key: string[];
  where: WhereOptions;
}

const STAYING = "SELECT id FROM packages WHERE deleted_at IS NULL";
const among = (column: string, rows: string) => ({ [column]: { [Op.in]: literal(`(${rows})`) } });
const ofPackages = among("packageId", STAYING);
const runs = `SELECT id FROM package_runs WHERE package_id IN (${STAYING})`;
const versions = `SELECT id FROM package_versions WHERE package_id IN (${STAYING})`;

/** The tables that a catalogue holds, as they are bound to the database that was opened last. */
export function catalogueTables(): CatalogueTable[] {
  const table = (model: ModelStatic<Model>, key: string[], where: WhereOptions) => {
    return { name: model.tableName, model, key, where };
  };
  return [
    table(Counter, ["name"], { name: "packages" }),
    table(Pipeline, ["name"], {}),
    table(PipelineVersion, ["name", "version"], {}),
    table(Package, ["id"], { deletedAt: null }),
    table(PackageChannel, ["packageId", "name"], ofPackages),
    table(PackageVersion, ["id"], ofPackages),
    table(PackageRun, ["id"], ofPackages),
    table(PackageStep, ["runId", "name"], among("runId", runs)),
    table(PackageFinding, ["id"], ofPackages),
    table(PackageScan, ["versionId", "sha256", "signatures"], among("versionId", versions)),
    table(PackageDownload, ["packageId", "day", "version", "channel"], ofPackages),
  ];
}

const Digest = z.string().regex(/^[0-9a-f]{64}$/);
const File = z.strictObject({ rows: z.int(), sha256: Digest });

/** What a finished export says of itself. It is written last: a folder without it holds no export. */
export const Manifest = z.strictObject({
  format: z.literal("longhaul-catalogue/1"),
  version: z.string(),
  made_at: z.iso.datetime(),
  /** The newest migration of the database that it was made from. */
  schema: z.string(),
  /** Where the audit's chain ended. */
  audit_head: z.strictObject({ sequence: z.int(), hash: Digest }),
  /** Every file of rows by its name. */
  files: z.record(z.string(), File),
});
export type Manifest = z.output<typeof Manifest>;

/** An object of the catalogue; its bytes lie in the file of their digest. */
export const ObjectLine = z.strictObject({
  key: z.string(),
  sha256: Digest,
  bytes: z.int(),
  contentType: z.string(),
  metadata: z.record(z.string(), z.string()),
});
export type ObjectLine = z.output<typeof ObjectLine>;

/** What is wrong with an export, or with the place that it is brought to; the message says what to do. */
export class CatalogueFault extends Error {
  override readonly name = "CatalogueFault";
}

/** Where the parts of an export lie in its folder. */
export const placesIn = (folder: string) => ({
  manifest: join(folder, "manifest.json"),
  rows: (name: string) => join(folder, "rows", `${name}.ndjson`),
  object: (sha256: string) => join(folder, "objects", sha256.slice(0, 2), sha256),
});

/** The manifest of an export. Throws `CatalogueFault` when there is none that can be used. */
export async function readManifest(
  folder: string,
): Promise<{ manifest: Manifest; sha256: string }> {
  const text = await readFile(placesIn(folder).manifest, "utf8").catch(() => undefined);
  if (text === undefined) {
    throw new CatalogueFault(
      `${folder} holds no finished export. Run catalogue:export to its end.`,
    );
  }
  const parsed = Manifest.safeParse(parse(text));
  if (!parsed.success) throw new CatalogueFault(`${placesIn(folder).manifest} is damaged.`);
  return { manifest: parsed.data, sha256: createHash("sha256").update(text).digest("hex") };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The sha256 of a file; undefined when it is not there. */
export async function digestOfFile(path: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), hash);
    return hash.digest("hex");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The rows of a file, one by one. */
export async function* rowsOf(path: string): AsyncGenerator<Record<string, unknown>> {
  for await (const line of createInterface({
    input: createReadStream(path),
    crlfDelay: Infinity,
  })) {
    if (line) yield JSON.parse(line) as Record<string, unknown>;
  }
}
