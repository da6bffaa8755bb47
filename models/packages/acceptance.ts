import type { Transaction } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import { assertSameType, decidedAgainst } from "../../domain/packages.ts";
import type { PackageType } from "../../domain/packages.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { adoptStaged, nextSerial } from "../operations.ts";
import { type Demand, demandsApproval } from "./approval.ts";
import { emitRunEvent } from "./events.ts";
import { addRun, type Asker, auditPackage, holdPackage, tellLine } from "./orders.ts";
import { holdVersion } from "./retention.ts";
import { Package, PackageVersion } from "./tables.ts";

/** An original that was received, staged and looked into. The ids are made by the API, before the bytes come. */
export interface ReceivedOriginal extends Demand {
  packageId: string;
  versionId: string;
  runId: string;
  version: string;
  channel: string;
  /** To be built and kept until somebody publishes it; so is everything where that must be somebody else. */
  isDraft: boolean;
  description: string | null;
  type: PackageType;
  /** What a new package has chosen to go through. */
  pipeline?: string | null;
  fileName: string;
  key: string;
  bytes: number;
  sha256: string;
}

/** Accepts the first version of a new package. Refuses a taken name with the id of its owner. */
export async function acceptPackage(
  database: Database,
  name: string,
  original: ReceivedOriginal,
  asker: Asker,
): Promise<void> {
  try {
    await inTransaction(database, async (transaction) => {
      const { packageId: id, type, description, pipeline = null } = original;
      const serial = await nextSerial("packages", transaction);
      const created = await Package.create(
        { id, serial, name, description, type, pipeline },
        { transaction },
      );
      const kept = await acceptOriginal(created, original, asker, transaction);
      const after = { name, type, ...told(kept) };
      await auditPackage("packages.created", created, { after }, asker, transaction);
    });
  } catch (error) {
    if (!isTaken(error)) throw error;
    const owner = await Package.findOne({ where: { name } });
    if (!owner) throw error;
    const advice = owner.deletedAt
      ? "A package of this name is being removed. Try again in a moment."
      : "A package of this name exists. Upload to its versions instead.";
    throw refusal("packages/name-taken", advice, { fields: { id: String(owner.serial) } });
  }
}

/** Accepts another version of a package. Refuses one that exists. */
export async function acceptVersion(
  database: Database,
  owner: Package,
  original: ReceivedOriginal,
  asker: Asker,
): Promise<void> {
  assertSameType(owner.type, original.type);
  try {
    await inTransaction(database, async (transaction) => {
      await holdPackage(owner, transaction);
      const kept = await acceptOriginal(owner, original, asker, transaction);
      const changed = { after: told(kept) };
      await auditPackage("packages.version-uploaded", owner, changed, asker, transaction);
    });
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw refusal(
      "packages/version-taken",
      `Version ${original.version} exists. Upload under another version.`,
    );
  }
}

/** Accepts that an earlier version is to be shown again. */
export async function acceptRollback(
  database: Database,
  owner: Package,
  { runId, version }: { runId: string; version: PackageVersion },
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    await holdVersion(version, transaction);
    const row = await PackageVersion.findByPk(version.id, { transaction, rejectOnEmpty: true });
    const refused = decidedAgainst(row);
    if (refused) throw refused;
    const run = { runId, kind: "rollback", version, turn: "now" } as const;
    const argument = await addRun(owner, run, asker, transaction);
    await tellLine(owner, { update: "rollBackPackage", id: runId, argument }, asker, transaction);
    const after = { version: version.version, channel: version.channel };
    await auditPackage("packages.rolled-back", owner, { after }, asker, transaction);
  });
}

function told({ version, channel, isDraft }: PackageVersion) {
  return { version, channel, ...(isDraft && { draft: true }) };
}

async function acceptOriginal(
  owner: Package,
  original: ReceivedOriginal,
  asker: Asker,
  transaction: Transaction,
): Promise<PackageVersion> {
  const { runId } = original;
  const isDraft = original.isDraft || (await demandsApproval(owner.id, original, transaction));
  await adoptStaged(original.key, transaction);
  const version = await PackageVersion.create(
    {
      id: original.versionId,
      packageId: owner.id,
      version: original.version,
      channel: original.channel,
      isDraft,
      description: original.description,
      state: "processing",
      verdict: "pending",
      fileName: original.fileName,
      originalKey: original.key,
      originalBytes: original.bytes,
      originalSha256: original.sha256,
    },
    { transaction },
  );
  const turn = isDraft ? "later" : "now";
  const argument = await addRun(
    owner,
    { runId, kind: "upload", version, turn },
    asker,
    transaction,
  );
  await tellLine(owner, { update: "replacePackage", id: runId, argument }, asker, transaction);
  await emitRunEvent("package.version_accepted", runId, transaction);
  return version;
}
