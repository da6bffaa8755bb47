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

/** Originals are for those who may see them; `sign` makes the address that the shown version's is fetched from. */
export async function viewPackage(
  actor: Actor,
  row: Package,
  sign: (row: Package, version: PackageVersion) => string,
): Promise<PackageView> {
  const where = { packageId: row.id };
  const newest = await PackageVersion.findOne({
    where,
    order: [
      ["createdAt", "DESC"],
      ["id", "DESC"],
    ],
    rejectOnEmpty: true,
  });
  const live = row.liveVersionId
    ? await PackageVersion.findByPk(row.liveVersionId, { rejectOnEmpty: true })
    : undefined;
  const run = await PackageRun.findOne({ where, order: [["number", "DESC"]] });
  const version = run && (await PackageVersion.findByPk(run.versionId, { rejectOnEmpty: true }));
  return {
    row,
    live,
    newest,
    latestRun: run && version ? { run, version: version.version } : undefined,
    originalUrl: may(actor, "packages:original") ? sign(row, live ?? newest) : null,
  };
}
