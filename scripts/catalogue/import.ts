import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { Op, type Transaction } from "sequelize";
import { isFinal, packageKeys, type RunState } from "../../domain/packages.ts";
import { type Database, inTransaction } from "../../models/database.ts";
import { MIGRATIONS } from "../../models/migrations/index.ts";
import {
  AuditEntry,
  CHAIN_START,
  type ChainedContent,
  chainHash,
  recordAudit,
} from "../../models/operations.ts";
import { Package, PackageRun, PackageVersion } from "../../models/packages/index.ts";
import { Pipeline, PipelineVersion } from "../../models/pipelines.ts";
import { pendingMigrations } from "../../models/schema.ts";
import type { ObjectStore } from "../../platform/objects/index.ts";
import {
  CatalogueFault,
  catalogueTables,
  digestOfFile,
  type Manifest,
  ObjectLine,
  placesIn,
  readManifest,
  rowsOf,
} from "./manifest.ts";

const ROWS_AT_ONCE = 200;
const ACTION = "packages.catalogue-imported";
const CUT_OFF = "The catalogue was exported while this was under way. Upload or build it again.";

interface Importing {
  database: Database;
  objects: ObjectStore;
  folder: string;
  /** Hears how far it is. */
  say: (stand: string) => void;
}

/**
 * Brings an export to an empty platform. Objects first, then all rows in one transaction: cut short it leaves no
 * package, and is begun again. What was under way at the export has ended; the audit stays a file, which is verified.
 * Answers false when this very export is here already. Throws `CatalogueFault` for what is damaged or does not fit.
 */
export async function importCatalogue(given: Importing): Promise<boolean> {
  const { database, folder, say } = given;
  const { manifest, sha256 } = await readManifest(folder);
  if (await wasImported(sha256)) return false;
  await assertFits(database, manifest);
  say("checking");
  await assertWhole(folder, manifest);
  await assertChained(folder, manifest);
  await putObjects(given);
  await putLinks(given);
  say("rows");
  await inTransaction(database, async (transaction) => {
    await assertEmpty(transaction);
    // Those that this platform was shipped with are in the export, too.
    await PipelineVersion.destroy({ where: {}, transaction });
    await Pipeline.destroy({ where: {}, transaction });
    for (const { name, model } of catalogueTables()) {
      const put = async (rows: Record<string, unknown>[]) => {
        await model.bulkCreate(
          rows.map((row) => ended(name, row)),
          { transaction },
        );
      };
      await inBatches(rowsOf(placesIn(folder).rows(name)), put);
    }
    const after = { manifest: sha256, made_at: manifest.made_at, audit_head: manifest.audit_head };
    const subject = { subjectKind: "platform", subjectId: "catalogue" };
    await recordAudit({ actor: null, action: ACTION, ...subject, after }, transaction);
  });
  return true;
}

async function wasImported(sha256: string): Promise<boolean> {
  const entries = await AuditEntry.findAll({ where: { action: ACTION } });
  return entries.some(({ after }) => (after as { manifest?: string }).manifest === sha256);
}

async function assertFits(database: Database, { schema, version }: Manifest): Promise<void> {
  if ((await pendingMigrations(database)).length > 0) {
    throw new CatalogueFault("Migrations are pending. Run npm run migrate first.");
  }
  if (schema !== MIGRATIONS.at(-1)!.name) {
    throw new CatalogueFault(
      `The export has the tables of ${schema} (Longhaul ${version}). Bring both platforms to one release.`,
    );
  }
  await assertEmpty();
}

async function assertEmpty(transaction?: Transaction): Promise<void> {
  const within = transaction ? { transaction } : {};
  if ((await Package.count(within)) > 0) {
    throw new CatalogueFault("This platform has packages. Import into an empty one.");
  }
  const own = await PipelineVersion.count({ where: { savedById: { [Op.not]: null } }, ...within });
  if (own === 0) return;
  throw new CatalogueFault("This platform has pipelines of its own. Import into an empty one.");
}

async function assertWhole(folder: string, { files }: Manifest): Promise<void> {
  for (const [name, { sha256 }] of Object.entries(files)) {
    const path = placesIn(folder).rows(name);
    if ((await digestOfFile(path)) !== sha256) throw damaged(path);
  }
  for (const { name } of catalogueTables()) if (!files[name]) throw damaged(name);
  for await (const line of rowsOf(placesIn(folder).rows("objects"))) {
    const path = placesIn(folder).object(ObjectLine.parse(line).sha256);
    await access(path).catch(() => {
      throw damaged(path);
    });
  }
}

/** The exported audit is whole when every hash follows from the one before, up to the end that was noted. */
async function assertChained(folder: string, { audit_head: end }: Manifest): Promise<void> {
  const path = placesIn(folder).rows("audit");
  let place = { sequence: 0, hash: CHAIN_START };
  for await (const row of rowsOf(path)) {
    const entry = row as unknown as ChainedContent & { hash: string };
    const follows = entry.sequence === place.sequence + 1;
    if (!follows || chainHash(place.hash, entry) !== entry.hash) throw damaged(path);
    place = { sequence: entry.sequence, hash: entry.hash };
  }
  if (place.sequence !== end.sequence || (end.sequence > 0 && place.hash !== end.hash)) {
    throw damaged(path);
  }
}

function damaged(path: string): CatalogueFault {
  return new CatalogueFault(`The export is damaged: ${path} is missing or has other bytes.`);
}

/** Puts what is not there in its full length; the store tells the digest of what it was given. */
async function putObjects({ objects, folder, say }: Importing): Promise<void> {
  let count = 0;
  for await (const row of rowsOf(placesIn(folder).rows("objects"))) {
    const { key, sha256, bytes, contentType, metadata } = ObjectLine.parse(row);
    const path = placesIn(folder).object(sha256);
    // A key shows nothing until all of its bytes are there, so what is there was put by an import before.
    if ((await objects.head(key))?.bytes === bytes) continue;
    const written = await objects.put(key, createReadStream(path), { contentType, metadata });
    if (written.sha256 !== sha256) {
      await objects.delete(key);
      throw damaged(path);
    }
    say(`${++count} objects`);
  }
}

/** What each link shows is a copy of its live version's bytes that carries what clients are told of them. */
async function putLinks({ objects, folder }: Importing): Promise<void> {
  const live = new Map<string, Record<string, unknown>>();
  for await (const row of rowsOf(placesIn(folder).rows("package_channels"))) {
    if (row["liveVersionId"]) live.set(row["liveVersionId"] as string, row);
  }
  for await (const row of rowsOf(placesIn(folder).rows("package_versions"))) {
    const channel = live.get(row["id"] as string);
    if (!channel || typeof row["artefactKey"] !== "string") continue;
    const key = packageKeys.live(row["packageId"] as string, channel["name"] as string);
    await objects.copy(row["artefactKey"], key, {
      metadata: {
        sha256: row["artefactSha256"] as string,
        number: String(channel["liveNumber"]),
        version: row["version"] as string,
        "file-name": row["fileName"] as string,
      },
    });
  }
}

/** Nobody goes on with what was under way elsewhere. */
function ended(table: string, row: Record<string, unknown>): Record<string, unknown> {
  if (table === PackageRun.tableName && !isFinal(row["state"] as RunState)) {
    const endedAt = new Date();
    return {
      ...row,
      state: "cancelled",
      reason: CUT_OFF,
      parkedIn: null,
      publishAt: null,
      endedAt,
    };
  }
  if (table !== PackageVersion.tableName) return row;
  const state = row["state"] === "processing" ? "failed" : row["state"];
  return { ...row, state, publishAt: null };
}

async function inBatches(
  rows: AsyncIterable<Record<string, unknown>>,
  put: (batch: Record<string, unknown>[]) => Promise<void>,
): Promise<void> {
  let batch: Record<string, unknown>[] = [];
  for await (const row of rows) {
    batch.push(row);
    if (batch.length < ROWS_AT_ONCE) continue;
    await put(batch);
    batch = [];
  }
  if (batch.length > 0) await put(batch);
}
