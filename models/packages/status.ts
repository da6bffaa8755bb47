import type { Transaction } from "sequelize";
import { packageStatus, STABLE } from "../../domain/packages.ts";
import { Package, PackageChannel, PackageRun, PackageVersion } from "./tables.ts";

/**
 * Brings a package's `status` up to date with what it is told from: its latest run and what its stable link shows.
 * Whoever changes one of these calls it, in the same transaction and after the change.
 */
export async function keepStatus(packageId: string, transaction: Transaction): Promise<void> {
  // The lock comes before the look: of two changes at once, the second one here sees both.
  const owner = await Package.findByPk(packageId, { transaction, lock: true });
  if (!owner) return;
  const run = owner.latestRunId
    ? await PackageRun.findByPk(owner.latestRunId, { transaction })
    : null;
  const status = packageStatus(await isShown(packageId, transaction), run?.state);
  if (status !== owner.status) await owner.update({ status }, { transaction });
}

/** Whether the stable link shows a version, be it in the place of one that was yanked. */
async function isShown(packageId: string, transaction: Transaction): Promise<boolean> {
  const where = { packageId, name: STABLE };
  const stable = await PackageChannel.findOne({ where, transaction });
  if (!stable?.liveVersionId) return false;
  const live = await PackageVersion.findByPk(stable.liveVersionId, {
    transaction,
    rejectOnEmpty: true,
  });
  return live.yankedAt === null || live.fallbackVersionId !== null;
}
