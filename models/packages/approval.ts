import type { Transaction } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import type { Asker } from "./orders.ts";
import { Package, PackageRun } from "./tables.ts";

/** What the platform demands of all packages, whatever they demand themselves. */
export interface Demand {
  /** Nobody publishes or releases what they have uploaded. */
  fourEyes?: boolean | undefined;
}

/** Whether somebody else must publish what one uploads to a package, which the transaction holds. */
export async function demandsApproval(
  packageId: string,
  { fourEyes }: Demand,
  transaction: Transaction,
): Promise<boolean> {
  if (fourEyes) return true;
  const row = await Package.findByPk(packageId, { transaction, rejectOnEmpty: true });
  return row.requiresApproval;
}

/**
 * Refuses who has uploaded a version where somebody else must decide about it. Whose key it was counts, and not which
 * key. Without a version: who has uploaded any.
 */
export async function assertSecondPerson(
  { packageId, versionId }: { packageId: string; versionId?: string },
  demand: Demand,
  { actor }: Pick<Asker, "actor">,
  transaction: Transaction,
): Promise<void> {
  if (!(await demandsApproval(packageId, demand, transaction))) return;
  const which = { packageId, ...(versionId && { versionId }) };
  const where = { ...which, kind: "upload", requestedById: actor.accountId };
  if ((await PackageRun.count({ where, transaction })) === 0) return;
  const advice = "You have uploaded this yourself. Somebody else must let it go out.";
  throw refusal("packages/own-version", advice);
}
