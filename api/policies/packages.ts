import { Op } from "sequelize";
import { may, type Actor } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { Package, PackageRun, PackageVersion } from "../../models/packages/index.ts";
import type { PackageView } from "../schemas/packages.ts";

/** The package with this public id. All packages belong to the platform; what may be done is said by permissions. */
export async function findPackage(serial: string): Promise<Package> {
  const row = await Package.findOne({ where: { serial: Number(serial) } });
  if (!row) throw refusal("packages/not-found", "Package not found");
  return row;
}

export async function findVersion(owner: Package, version: string): Promise<PackageVersion> {
  const row = await PackageVersion.findOne({ where: { packageId: owner.id, version } });
  if (!row) throw refusal("packages/version-not-found", `There is no version ${version}.`);
  return row;
}

export async function findRun(owner: Package, id: string): Promise<PackageRun> {
  const row = await PackageRun.findOne({ where: { packageId: owner.id, id } });
  if (!row) throw refusal("packages/run-not-found", "There is no such run.");
  return row;
}

/**
 * Packages as this actor may see them, with a few queries for all. Originals are for those who may see them; `sign`
 * makes the address that the shown version's is fetched from.
 */
export async function viewPackages(
  actor: Actor,
  rows: Package[],
  sign: (row: Package, version: PackageVersion) => string,
): Promise<PackageView[]> {
  const runs = await latestRuns(rows);
  const named = rows.map(({ liveVersionId }) => liveVersionId).filter((id) => id !== null);
  const tried = [...runs.values()].map(({ versionId }) => versionId);
  const found = await PackageVersion.findAll({ where: { id: [...named, ...tried] } });
  const versions = new Map(found.map((version) => [version.id, version]));
  return Promise.all(
    rows.map(async (row) => {
      const live = row.liveVersionId ? versions.get(row.liveVersionId) : undefined;
      const shown = live ?? (await newestVersion(row));
      const run = runs.get(row.id);
      const latestRun = run && { run, version: versions.get(run.versionId)!.version };
      const originalUrl = may(actor, "packages:original") ? sign(row, shown) : null;
      return { row, live, shown, latestRun, originalUrl };
    }),
  );
}

/** By package: the run of its last number, or of one that was given out since the package was read. */
async function latestRuns(rows: Package[]): Promise<Map<string, PackageRun>> {
  if (rows.length === 0) return new Map(); // An empty OR is no condition at all.
  const last = rows.map(({ id, lastNumber }) => ({
    packageId: id,
    number: { [Op.gte]: lastNumber },
  }));
  const runs = await PackageRun.findAll({ where: { [Op.or]: last }, order: [["number", "ASC"]] });
  return new Map(runs.map((run) => [run.packageId, run]));
}

function newestVersion({ id }: Package): Promise<PackageVersion> {
  return PackageVersion.findOne({
    where: { packageId: id },
    order: [
      ["createdAt", "DESC"],
      ["id", "DESC"],
    ],
    rejectOnEmpty: true,
  });
}
