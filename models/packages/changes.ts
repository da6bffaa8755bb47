import { refusal } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import { type Database, inTransaction } from "../database.ts";
import { dropOutbox } from "../operations.ts";
import { type Asker, auditPackage, holdPackage, tellLine } from "./orders.ts";
import { Package, PackageVersion } from "./tables.ts";

/** What can be changed of a package; what is not given stays. */
export interface PackageChanges {
  description?: string | null | undefined;
  isDistributing?: boolean | undefined;
}

/** Changes a package. When distribution is switched off, its workflow tells the edges to forget what they keep. */
export async function changePackage(
  database: Database,
  owner: Package,
  changes: PackageChanges,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const row = await Package.findByPk(owner.id, { transaction, rejectOnEmpty: true });
    const { description = row.description, isDistributing = row.isDistributing } = changes;
    const before = { description: row.description, is_distributing: row.isDistributing };
    const after = { description, is_distributing: isDistributing };
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    await row.update({ description, isDistributing }, { transaction });
    await auditPackage("packages.changed", owner, { before, after }, asker, transaction);
    if (isDistributing || !before.is_distributing) return;
    const argument = { packageId: owner.id };
    const command = { update: "closeDoors", id: asker.requestId, argument };
    await tellLine(owner, command, asker, transaction);
  });
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

/** Changes the notes of a version. */
export async function changeVersion(
  database: Database,
  owner: Package,
  { version, description }: { version: PackageVersion; description: string | null },
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const row = await PackageVersion.findByPk(version.id, { transaction, rejectOnEmpty: true });
    if (row.description === description) return;
    const before = { version: row.version, description: row.description };
    const after = { version: row.version, description };
    await row.update({ description }, { transaction });
    await auditPackage("packages.version-changed", owner, { before, after }, asker, transaction);
  });
}
