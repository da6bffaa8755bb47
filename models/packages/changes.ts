import { refusal } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import { type Database, inTransaction } from "../database.ts";
import { dropOutbox } from "../operations.ts";
import { type Asker, auditPackage, holdPackage, tellLine } from "./orders.ts";
import { pipelineOf } from "./pipelines.ts";
import { holdVersion, tellRetention } from "./retention.ts";
import { Package, PackageVersion } from "./tables.ts";

/** What can be changed of a package; what is not given stays. */
export interface PackageChanges {
  description?: string | null | undefined;
  isDistributing?: boolean | undefined;
  retainedVersions?: number | null | undefined;
  graceSeconds?: number | undefined;
  requiresApproval?: boolean | undefined;
  pipeline?: string | null | undefined;
}

/**
 * Changes a package. When distribution is switched off, its workflow tells the edges to forget what they keep; when it
 * is to keep fewer versions, it removes the others.
 */
export async function changePackage(
  database: Database,
  owner: Package,
  changes: PackageChanges,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const row = await Package.findByPk(owner.id, { transaction, rejectOnEmpty: true });
    const before = settingsOf(row);
    row.set(Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)));
    const after = settingsOf(row);
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    if (before.pipeline !== after.pipeline) await pipelineOf(row, transaction);
    await row.save({ transaction });
    if (before.is_distributing && !after.is_distributing) {
      const argument = { packageId: owner.id };
      const command = { update: "closeDoors", id: asker.requestId, argument };
      await tellLine(owner, command, asker, transaction);
    }
    if (
      before.retained_versions !== after.retained_versions ||
      before.grace_hours !== after.grace_hours
    ) {
      await tellRetention(owner, asker, transaction);
    }
    await auditPackage("packages.changed", owner, { before, after }, asker, transaction);
  });
}

function settingsOf(row: Package) {
  const { description, pipeline, isDistributing, retainedVersions, graceSeconds } = row;
  const { requiresApproval } = row;
  return {
    description,
    pipeline,
    is_distributing: isDistributing,
    retained_versions: retainedVersions,
    grace_hours: graceSeconds / 3600,
    requires_approval: requiresApproval,
  };
}

/** Begins the removal of a package: from the commit on nobody finds it. What its workflow was still to be told is dropped. */
export async function deletePackage(
  database: Database,
  owner: Package,
  { name, removalId }: { name: string; removalId: string },
  asker: Asker,
): Promise<void> {
  if (name !== owner.name) {
    throw refusal("packages/name-mismatch", "Give the package's own name to delete it.");
  }
  await inTransaction(database, async (transaction) => {
    const [begun] = await Package.update(
      { deletedAt: new Date() },
      { where: { id: owner.id, deletedAt: null }, transaction },
    );
    if (begun === 0) throw refusal("packages/not-found", "Package not found");
    const before = { name, type: owner.type, description: owner.description };
    await auditPackage("packages.deleted", owner, { before }, asker, transaction);
    await dropOutbox(workflowId("package", owner.id), transaction);
    const argument = { packageId: owner.id };
    const command = { update: "removePackage", id: removalId, argument };
    await tellLine(owner, command, asker, transaction);
  });
}

/** What can be changed of a version; what is not given stays. */
export interface VersionChanges {
  description?: string | null | undefined;
  isPinned?: boolean | undefined;
}

/** Changes the notes of a version, or whether retention may remove it. One that was removed cannot be pinned. */
export async function changeVersion(
  database: Database,
  owner: Package,
  version: PackageVersion,
  changes: VersionChanges,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const row = await PackageVersion.findByPk(version.id, { transaction, rejectOnEmpty: true });
    const { description = row.description, isPinned = row.isPinned } = changes;
    const before = { version: row.version, description: row.description, pinned: row.isPinned };
    const after = { version: row.version, description, pinned: isPinned };
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    if (isPinned && !before.pinned) await holdVersion(row, transaction);
    await row.update({ description, isPinned }, { transaction });
    if (isPinned !== before.pinned) await tellRetention(owner, asker, transaction);
    await auditPackage("packages.version-changed", owner, { before, after }, asker, transaction);
  });
}
