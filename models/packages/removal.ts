import type { Transaction } from "sequelize";
import { ApiKeyPackage } from "../accounts.ts";
import { PackageSchedule } from "./schedule-table.ts";
import {
  Package,
  PackageChannel,
  PackageDownload,
  PackageFinding,
  PackageLogChunk,
  PackageRun,
  PackageScan,
  PackageStep,
  PackageVersion,
} from "./tables.ts";

/** Removes every row of a package but its audit; its name is free again. Twice is harmless. */
export async function removePackageRows(
  packageId: string,
  transaction: Transaction,
): Promise<void> {
  const of = { where: { packageId }, transaction };
  const runs = await PackageRun.findAll({ ...of, attributes: ["id"] });
  const steps = { where: { runId: runs.map(({ id }) => id) }, transaction };
  await PackageLogChunk.destroy(steps);
  await PackageStep.destroy(steps);
  await PackageRun.destroy(of);
  await PackageFinding.destroy(of);
  const versions = await PackageVersion.findAll({ ...of, attributes: ["id"] });
  const scans = { versionId: versions.map(({ id }) => id) };
  await PackageScan.destroy({ where: scans, transaction });
  await PackageVersion.destroy(of);
  await PackageChannel.destroy(of);
  await PackageSchedule.destroy(of);
  await PackageDownload.destroy(of);
  await ApiKeyPackage.destroy(of);
  await Package.destroy({ where: { id: packageId }, transaction });
}
