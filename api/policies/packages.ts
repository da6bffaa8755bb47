import {
  type Actor,
  may,
  maySee,
  mayWith,
  rightFor,
  type Permission,
} from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { AuditEntry } from "../../models/operations.ts";
import { closedDoor, notPublished, STABLE } from "../../domain/packages.ts";
import {
  findChannel,
  findPublished,
  Package,
  PackageChannel,
  type PackageFilters,
  PackageRun,
  PackageVersion,
  pageOfPackages,
  type Published,
  type Which,
} from "../../models/packages/index.ts";
import { type Page, page, type Place } from "../../models/paging.ts";
import type { Access, Call } from "../route.ts";
import type { PackageView } from "../schemas/packages.ts";
import type { Services } from "../services.ts";

/** Who asks, and for what: the call of a route, or its part. */
type Asking = Pick<Call<unknown, unknown, unknown, unknown, Access>, "actor" | "access">;

/** The package that a call is about, by the public id in its path. */
export function findPackage({
  params,
  ...asking
}: Asking & { params: { id: string } }): Promise<Package> {
  return findPackageBy(asking, { serial: Number(params.id) });
}

/**
 * The one way to a package's row: for who may do with it what the route asks for. One that the actor may not see looks
 * the same as one that never was, and as one that is being removed. Public routes show what their doors let through.
 */
export async function findPackageBy({ actor, access }: Asking, which: Which): Promise<Package> {
  const row = await Package.findOne({ where: { ...which, deletedAt: null } });
  const hidden = row && access !== "public" && !maySee(actor!, row.id);
  if (!row || hidden) throw refusal("packages/not-found", "Package not found");
  if (access !== "public" && access !== "signed-in" && !mayWith(actor!, access, row.id)) {
    throw refusal(
      "accounts/not-allowed",
      `This needs the right to ${rightFor(access)} this package.`,
    );
  }
  return row;
}

/**
 * What stable's link of a package shows, for who may do with it what the route asks for, when its door is open: one
 * question to the database. Undefined for everything else, whose refusals take more than that to find.
 */
export async function findOpenRelease(
  { actor, access, services }: Asking & { services: Pick<Services, "database"> },
  which: Which,
): Promise<Published | undefined> {
  const found = await findPublished(services.database, which);
  if (!found || closedDoor(found.owner, found.version)) return undefined;
  const isAllowed = access === "public" || access === "signed-in";
  return isAllowed || mayWith(actor!, access, found.owner.id) ? found : undefined;
}

/** One page of the packages that match and that this actor may see. */
export function listOfPackages(
  { packages }: Actor,
  filters: PackageFilters,
  place: Place,
): Promise<Page<Package>> {
  return pageOfPackages({ ...filters, ids: packages && Object.keys(packages) }, place);
}

/** One page of the held versions, newest first, of the packages that this actor may see, each with its package. */
export async function listOfHeld(
  { packages }: Actor,
  place: Place,
): Promise<Page<{ version: PackageVersion; owner: Package }>> {
  const seen = packages ? { packageId: Object.keys(packages) } : {};
  const list = {
    where: { verdict: "held", ...seen },
    index: "package_versions_verdict_created_at_id",
  };
  const { items, next } = await page(PackageVersion, { ...list, ...place });
  const rows = await Package.findAll({ where: { id: items.map(({ packageId }) => packageId) } });
  const owners = new Map(rows.map((owner) => [owner.id, owner]));
  return {
    // One without an owner was removed between the two queries.
    items: items.flatMap((version) => {
      const owner = owners.get(version.packageId);
      return owner ? [{ version, owner }] : [];
    }),
    next,
  };
}

/** The public id of a package with an audit; a package's outlives it, for those who may do the same with all packages. */
export async function findAudited(call: Asking & { params: { id: string } }): Promise<number> {
  const { actor, access, params } = call;
  const serial = Number(params.id);
  const subject = { subjectKind: "package", subjectId: String(serial) };
  const isOver = (await Package.count({ where: { serial, deletedAt: null } })) === 0;
  const mayAll = actor && !actor.packages && may(actor, access as Permission);
  if (isOver && mayAll && (await AuditEntry.findOne({ where: subject }))) return serial;
  return (await findPackage(call)).serial;
}

/** Those of the packages with these public ids that this actor may see. */
export async function findPackages(actor: Actor, serials: number[]): Promise<Package[]> {
  const found = await Package.findAll({ where: { serial: serials, deletedAt: null } });
  return found.filter(({ id }) => maySee(actor, id));
}

/** A package again, as it is after this call has changed it. */
export function rereadPackage({ id }: Pick<Package, "id">): Promise<Package> {
  return Package.findByPk(id, { rejectOnEmpty: true });
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

/** The version that a channel's link shows; undefined when it shows none. */
export async function findLive(
  owner: Package,
  channel: string,
): Promise<PackageVersion | undefined> {
  const liveVersionId = (await findChannel(owner.id, channel))?.liveVersionId;
  return liveVersionId
    ? PackageVersion.findByPk(liveVersionId, { rejectOnEmpty: true })
    : undefined;
}

/** What the link shows in the place of a version that was yanked, from that moment on. */
export async function fallbackOf(version: PackageVersion): Promise<PackageVersion | undefined> {
  const { fallbackVersionId: id } = version;
  return id ? PackageVersion.findByPk(id, { rejectOnEmpty: true }) : undefined;
}

/** What a link without an object stands for: only the package itself can say more than that nothing is there. */
const NEVER_SHOWN = {
  version: "",
  state: "processing",
  isDraft: true,
  verdict: "clear",
  yankedAt: null,
  yankReason: null,
} as const;

/** The refusal of a link that has never shown anything. */
export function neverShown(owner: Package): ReturnType<typeof refusal> {
  return closedDoor(owner, NEVER_SHOWN) ?? notPublished();
}

/** The version whose bytes a channel's link gives now; refuses what the link refuses. */
export async function findServed(owner: Package, channel: string): Promise<PackageVersion> {
  const live = await findLive(owner, channel);
  if (!live) throw neverShown(owner);
  const served = (await fallbackOf(live)) ?? live;
  await assertOpen(owner, served);
  return served;
}

/**
 * Refuses unless the bytes of a version may be given to this actor: every door asks here before it opens. Those who
 * come for a version that was yanked or removed are told what is live instead.
 */
export async function assertOpen(
  owner: Package,
  version: PackageVersion,
  { actor, original = false }: { actor?: Actor | undefined; original?: boolean } = {},
): Promise<void> {
  const insider = actor !== undefined && mayWith(actor, "packages:read", owner.id);
  const refused = closedDoor(owner, version, { insider, original });
  if (!refused) return;
  if (!version.yankedAt && version.state !== "removed") throw refused;
  const live = await findLive(owner, version.channel);
  const open = live && !closedDoor(owner, live) ? live.version : undefined;
  throw closedDoor(owner, version, { insider, original, instead: open })!;
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
  const channels = await viewChannels(rows);
  const latest = rows.map(({ latestRunId }) => latestRunId).filter((id) => id !== null);
  const runs = new Map(
    (await PackageRun.findAll({ where: { id: latest } })).map((run) => [run.packageId, run]),
  );
  const tried = await findVersions([...runs.values()].map(({ versionId }) => versionId));
  return Promise.all(
    rows.map(async (row) => {
      const own = channels.filter(({ packageId }) => packageId === row.id);
      const live = own.find(({ name }) => name === STABLE)?.live;
      const shown = live ?? (await newestVersion(row));
      const run = runs.get(row.id);
      const latestRun = run && { run, version: tried.get(run.versionId)!.version };
      const originalUrl = mayWith(actor, "packages:original", row.id) ? sign(row, shown) : null;
      return { row, live, shown, channels: own, latestRun, originalUrl };
    }),
  );
}

/** The channels of packages with what each shows: of a version that was yanked, what takes its place. */
async function viewChannels(rows: Package[]) {
  const channels = await PackageChannel.findAll({
    where: { packageId: rows.map(({ id }) => id) },
    order: [["name", "ASC"]],
  });
  const live = await findVersions(channels.map(({ liveVersionId }) => liveVersionId));
  const instead = await findVersions([...live.values()].map((one) => one.fallbackVersionId));
  return channels.map(({ packageId, name, liveVersionId }) => {
    const recorded = live.get(liveVersionId ?? "");
    const shown = recorded?.yankedAt ? instead.get(recorded.fallbackVersionId ?? "") : recorded;
    return { packageId, name, live: shown };
  });
}

async function findVersions(ids: (string | null)[]): Promise<Map<string, PackageVersion>> {
  const wanted = ids.filter((id) => id !== null);
  if (wanted.length === 0) return new Map();
  const found = await PackageVersion.findAll({ where: { id: wanted } });
  return new Map(found.map((version) => [version.id, version]));
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
