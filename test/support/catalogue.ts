import type { Transaction } from "sequelize";
import { PACKAGE_TYPES, packageKeys, STABLE } from "../../domain/packages.ts";
import { type Database, inTransaction } from "../../models/database.ts";
import { AuditEntry } from "../../models/operations.ts";
import {
  keepStatus,
  Package,
  PackageChannel,
  PackageDownload,
  PackageRun,
  PackageVersion,
} from "../../models/packages/index.ts";
import { newId } from "../../platform/crypto.ts";

const FIRST_SERIAL = 500_001;
const FIRST_MOMENT = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;

/** How much there is to be. */
export interface CatalogueSize {
  packages: number;
  versionsEach: number;
}

/**
 * Fills an empty database with packages that were in use for a while, rows only, no objects: every second one is on
 * its link, every tenth has a beta channel, versions are drafts, withdrawn or failed here and there.
 */
export async function seedCatalogue(
  database: Database,
  { packages, versionsEach }: CatalogueSize,
): Promise<{ serials: string[] }> {
  const serials = Array.from({ length: packages }, (_, index) => FIRST_SERIAL + index);
  for (let start = 0; start < packages; start += BATCH_PACKAGES) {
    const batch = serials.slice(start, start + BATCH_PACKAGES);
    const seeds = batch.map((serial) => makeSeed(serial, versionsEach));
    await inTransaction(database, (transaction) => insert(seeds, transaction));
  }
  return { serials: serials.map(String) };
}

const BATCH_PACKAGES = 100;
type Seed = ReturnType<typeof makeSeed>;

async function insert(seeds: Seed[], transaction: Transaction): Promise<void> {
  // Each row as it stands: what Sequelize would write into `updatedAt` is the moment of seeding.
  const as = { transaction, silent: true };
  await Package.bulkCreate(
    seeds.map(({ owner }) => owner),
    as,
  );
  await PackageVersion.bulkCreate(
    seeds.flatMap(({ versions }) => versions),
    as,
  );
  await PackageRun.bulkCreate(
    seeds.flatMap(({ runs }) => runs),
    as,
  );
  await PackageChannel.bulkCreate(
    seeds.flatMap(({ channels }) => channels),
    as,
  );
  await PackageDownload.bulkCreate(
    seeds.flatMap(({ downloads }) => downloads),
    as,
  );
  await AuditEntry.bulkCreate(
    seeds.flatMap(({ audit }) => audit),
    as,
  );
  for (const { owner } of seeds) await keepStatus(owner.id, transaction);
}

function makeSeed(serial: number, versionsEach: number) {
  const index = serial - FIRST_SERIAL;
  const packageId = newId();
  const at = (minutes: number) => new Date(FIRST_MOMENT + (index + minutes) * MINUTE_MS);
  const type = PACKAGE_TYPES[index % PACKAGE_TYPES.length]!;
  const versions = Array.from({ length: versionsEach }, (_, number) =>
    makeVersion({ packageId, number, createdAt: at(number) }),
  );
  const runs = versions.map((version, number) => makeRun(version, { index, number, versionsEach }));
  const live = index % 2 === 0 ? versions.findLast(({ yankedAt }) => yankedAt === null) : undefined;
  const names = index % 10 === 0 ? [STABLE, "beta"] : [STABLE];
  return {
    owner: {
      id: packageId,
      serial,
      name: `Package ${String(serial)}`,
      description: null,
      type,
      latestRunId: runs.at(-1)!.id,
      createdAt: at(0),
      updatedAt: at(versionsEach),
    },
    versions,
    runs,
    channels: names.map((name) => ({
      packageId,
      name,
      lastNumber: versionsEach,
      ...(live && { liveNumber: versionsEach, liveVersionId: live.id }),
    })),
    downloads: versions.map(({ version, channel, createdAt }) => ({
      packageId,
      day: createdAt.toISOString().slice(0, 10),
      version,
      channel,
      downloads: 7,
      bytes: 7_000_000,
    })),
    audit: versions.map(({ version, createdAt }, number) => ({
      id: newId(),
      // Places that no appended entry comes to; such a chain is not verified.
      sequence: serial * versionsEach + number,
      hash: "0".repeat(64),
      actorId: null,
      actorName: "seed",
      action: number === 0 ? "packages.created" : "packages.version-uploaded",
      subjectKind: "package",
      subjectId: String(serial),
      address: null,
      requestId: null,
      before: null,
      after: { version },
      createdAt,
    })),
  };
}

function makeVersion(given: { packageId: string; number: number; createdAt: Date }) {
  const { packageId, number, createdAt } = given;
  const id = newId();
  const sha256 = id.replaceAll("-", "").padEnd(64, "0");
  const key = packageKeys.version(packageId, id, sha256);
  return {
    id,
    packageId,
    version: `${number + 1}.0.0`,
    channel: number % 10 === 1 ? "beta" : STABLE,
    description: null,
    state: "ready" as const,
    // Now and then one waits for a person.
    verdict: number % 10 === 4 ? ("held" as const) : ("clear" as const),
    isDraft: number % 10 === 2,
    yankedAt: number % 10 === 3 ? createdAt : null,
    yankReason: number % 10 === 3 ? "It crashes." : null,
    fileName: "app.zip",
    originalKey: packageKeys.original(packageId, id),
    originalBytes: 1_000_000,
    originalSha256: sha256,
    artefactKey: key,
    artefactBytes: 1_000_000,
    artefactSha256: sha256,
    createdAt,
    updatedAt: createdAt,
  };
}

function makeRun(
  version: ReturnType<typeof makeVersion>,
  { index, number, versionsEach }: { index: number; number: number; versionsEach: number },
) {
  const { id: versionId, packageId, channel, createdAt } = version;
  const isLast = number === versionsEach - 1;
  return {
    id: newId(),
    packageId,
    versionId,
    channel,
    kind: "upload" as const,
    number: number + 1,
    state: isLast && index % 4 === 1 ? ("failed" as const) : ("succeeded" as const),
    requestedById: newId(),
    requestedBy: "seed",
    requestId: "seed",
    createdAt,
    updatedAt: createdAt,
    endedAt: createdAt,
  };
}
