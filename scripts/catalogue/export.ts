import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { access, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Transaction } from "sequelize";
import { packageKeys } from "../../domain/packages.ts";
import { type Database, inTransaction } from "../../models/database.ts";
import { MIGRATIONS } from "../../models/migrations/index.ts";
import { AuditEntry, readAuditEnd } from "../../models/operations.ts";
import { Package } from "../../models/packages/index.ts";
import { pendingMigrations } from "../../models/schema.ts";
import type { ObjectStore } from "../../platform/objects/index.ts";
import { readVersion } from "../../platform/version.ts";
import {
  CatalogueFault,
  catalogueTables,
  type Manifest,
  type ObjectLine,
  placesIn,
  rowsOf,
} from "./manifest.ts";

const ROWS_AT_ONCE = 500;

interface Exporting {
  database: Database;
  objects: ObjectStore;
  folder: string;
  /** Hears how far it is. */
  say: (stand: string) => void;
}

/**
 * Writes all packages with their history, the audit and every object into a folder. All rows are of one moment,
 * whatever the platform does meanwhile; what the links show is made of them at the import. Cut short and begun again it
 * takes the rows anew and only the objects that it does not have. Keys, accounts, sessions and webhooks stay out.
 */
export async function exportCatalogue(given: Exporting): Promise<Manifest> {
  const { database, folder, say } = given;
  const places = placesIn(folder);
  if ((await pendingMigrations(database)).length > 0) {
    throw new CatalogueFault("Migrations are pending. Run npm run migrate first.");
  }
  await mkdir(dirname(places.rows("any")), { recursive: true, mode: 0o700 });
  await rm(places.manifest, { force: true });

  const taken = await inTransaction(database, (transaction) => takeRows(given, transaction));
  const files = { ...taken.files };
  say("audit");
  files["audit"] = await writeRows(places.rows("audit"), auditUpTo(taken.end.sequence));
  files["objects"] = await writeRows(places.rows("objects"), takeObjects(given));
  const manifest: Manifest = {
    format: "longhaul-catalogue/1",
    version: readVersion(),
    made_at: new Date().toISOString(),
    schema: MIGRATIONS.at(-1)!.name,
    audit_head: taken.end,
    files,
  };
  await writeWhole(places.manifest, [`${JSON.stringify(manifest, null, 2)}\n`]);
  return manifest;
}

/** All rows as they are at one moment: both databases show a transaction nothing that is committed meanwhile. */
async function takeRows({ folder, say }: Exporting, transaction: Transaction) {
  const files: Manifest["files"] = {};
  for (const { name, model, key, where } of catalogueTables()) {
    say(name);
    const order = key.map((column): [string, "ASC"] => [column, "ASC"]);
    const rows = async function* () {
      for (let offset = 0; ; offset += ROWS_AT_ONCE) {
        const found = await model.findAll({
          where,
          order,
          offset,
          limit: ROWS_AT_ONCE,
          transaction,
        });
        for (const row of found) yield row.get({ plain: true });
        if (found.length < ROWS_AT_ONCE) return;
      }
    };
    files[name] = await writeRows(placesIn(folder).rows(name), rows());
  }
  return { files, end: await readAuditEnd(transaction) };
}

/** The audit as it is chained: `before` and `after` as the text that was hashed. */
async function* auditUpTo(last: number): AsyncGenerator<object> {
  for (let next = 1; next <= last; next += ROWS_AT_ONCE) {
    const sequence = { from: next, to: Math.min(last, next + ROWS_AT_ONCE - 1) };
    for (const entry of await AuditEntry.findAll({
      where: { sequence: range(sequence.from, sequence.to) },
      order: [["sequence", "ASC"]],
    })) {
      const before = entry.getDataValue("before");
      yield { ...entry.get({ plain: true }), before, after: entry.getDataValue("after") };
    }
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

/** Takes every object of the packages whose rows were taken; outputs of steps and what links show now stay out. */
async function* takeObjects({ objects, folder, say }: Exporting): AsyncGenerator<ObjectLine> {
  const needed = await neededObjects(folder);
  let count = 0;
  for await (const { id } of rowsOf(placesIn(folder).rows(Package.tableName))) {
    for await (const { key } of objects.list(packageKeys.folder(id as string))) {
      if (!isKept(id as string, key)) continue;
      const line = await takeObject({ objects, folder }, key, needed.get(key));
      if (!line) continue;
      needed.delete(key);
      say(`${++count} objects`);
      yield line;
    }
  }
  const [missing] = needed.keys();
  if (missing === undefined) return;
  throw new CatalogueFault(
    `${missing} was removed meanwhile, or is lost. Run catalogue:export again.`,
  );
}

function isKept(id: string, key: string): boolean {
  const path = key.slice(packageKeys.folder(id).length);
  return path !== "live" && !/^(channels|runs)\//.test(path);
}

/** What must be there by the rows, with its digest. */
async function neededObjects(folder: string): Promise<Map<string, string>> {
  const needed = new Map<string, string>();
  for await (const row of rowsOf(placesIn(folder).rows("package_versions"))) {
    for (const part of ["original", "artefact", "firstArtefact"]) {
      const key = row[`${part}Key`];
      if (typeof key === "string") needed.set(key, row[`${part}Sha256`] as string);
    }
  }
  return needed;
}

/** Copies one object, unless its bytes are here: a file has its name only when all of it was written. */
async function takeObject(
  { objects, folder }: Pick<Exporting, "objects" | "folder">,
  key: string,
  known: string | undefined,
): Promise<ObjectLine | undefined> {
  const object = await objects.open(key);
  if (!object) return undefined;
  try {
    const { bytes, contentType, metadata } = object.facts;
    const line = (sha256: string) => ({ key, sha256, bytes, contentType, metadata });
    if (known && (await exists(placesIn(folder).object(known)))) return line(known);
    const sha256 = await keepBytes(folder, await object.read());
    if (known && sha256 !== known) {
      throw new CatalogueFault(
        `${key} has other bytes than its row says: bring it back from a backup.`,
      );
    }
    return line(sha256);
  } finally {
    await object.close();
  }
}

async function keepBytes(folder: string, bytes: Readable): Promise<string> {
  const draft = placesIn(folder).rows("object.draft");
  const hash = createHash("sha256");
  await writeWhole(draft, bytes, (chunk) => hash.update(chunk));
  const sha256 = hash.digest("hex");
  const place = placesIn(folder).object(sha256);
  await mkdir(dirname(place), { recursive: true, mode: 0o700 });
  await rename(draft, place);
  return sha256;
}

async function writeRows(
  path: string,
  rows: AsyncIterable<object>,
): Promise<{ rows: number; sha256: string }> {
  const hash = createHash("sha256");
  let count = 0;
  const lines = async function* () {
    for await (const row of rows) {
      count++;
      yield `${JSON.stringify(row)}\n`;
    }
  };
  await writeWhole(path, lines(), (chunk) => hash.update(chunk));
  return { rows: count, sha256: hash.digest("hex") };
}

/** A file has its name only when all of it is on the disk. */
async function writeWhole(
  path: string,
  content: AsyncIterable<string | Uint8Array> | Iterable<string>,
  onChunk: (chunk: Uint8Array) => unknown = () => undefined,
): Promise<void> {
  const draft = `${path}.draft`;
  const watch = new Transform({
    transform(chunk: Uint8Array, _, done) {
      onChunk(chunk);
      done(null, chunk);
    },
  });
  await pipeline(content, watch, createWriteStream(draft, { mode: 0o600 }));
  const handle = await open(draft, "r+");
  await handle.sync();
  await handle.close();
  await rename(draft, path);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
