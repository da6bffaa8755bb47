import { may, type Actor } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { closedDoor, STABLE } from "../../domain/packages.ts";
import {
  findChannel,
  Package,
  PackageChannel,
  PackageRun,
  PackageVersion,
} from "../../models/packages/index.ts";
import type { PackageView } from "../schemas/packages.ts";

/**
 * The package with this public id; one that is being removed is not found. All packages belong to the platform; what
 * may be done is said by permissions.
 */
export async function findPackage(serial: string): Promise<Package> {
  const row = await Package.findOne({ where: { serial: Number(serial), deletedAt: null } });
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

/**
 * Refuses unless the bytes of a version may be given to this actor: every door asks here before it opens. Those who
 * come for a yanked version are told what is live instead.
 */
export async function assertOpen(
  owner: Package,
  version: PackageVersion,
  actor?: Actor,
): Promise<void> {
  const insider = actor !== undefined && may(actor, "packages:read");
  const refused = closedDoor(owner, version, { insider });
  if (!refused) return;
  if (!version.yankedAt) throw refused;
  const live = await findLive(owner, version.channel);
  const open = live && !closedDoor(owner, live) ? live.version : undefined;
  throw closedDoor(owner, version, { insider, instead: open })!;
}

/** Originals are for those who may see them; `sign` makes the address that the shown version's is fetched from. */
export async function viewPackage(
  actor: Actor,
  row: Package,
  sign: (row: Package, version: PackageVersion) => string,
): Promise<PackageView> {
  const where = { packageId: row.id };
  const latest = {
    where,
    order: [
      ["createdAt", "DESC"],
      ["id", "DESC"],
    ] as [string, string][],
  };
  const newest = await PackageVersion.findOne({ ...latest, rejectOnEmpty: true });
  const channels = await viewChannels(row);
  const live = channels.find(({ name }) => name === STABLE)?.live;
  const run = await PackageRun.findOne(latest);
  const version = run && (await PackageVersion.findByPk(run.versionId, { rejectOnEmpty: true }));
  return {
    row,
    live,
    newest,
    channels,
    latestRun: run && version ? { run, version: version.version } : undefined,
    originalUrl: may(actor, "packages:original") ? sign(row, live ?? newest) : null,
  };
}

/** The channels of a package with what each shows: of a version that was yanked, what takes its place. */
async function viewChannels(row: Package): Promise<PackageView["channels"]> {
  const channels = await PackageChannel.findAll({
    where: { packageId: row.id },
    order: [["name", "ASC"]],
  });
  const idsOf = (all: (string | null)[]) => all.filter((id) => id !== null);
  const shownIds = idsOf(channels.map(({ liveVersionId }) => liveVersionId));
  const lives = await PackageVersion.findAll({ where: { id: shownIds } });
  const places = idsOf(lives.map(({ fallbackVersionId }) => fallbackVersionId));
  const versions =
    places.length === 0
      ? lives
      : [...lives, ...(await PackageVersion.findAll({ where: { id: places } }))];
  return channels.map(({ name, liveVersionId }) => {
    const live = versions.find(({ id }) => id === liveVersionId);
    const shown = live?.yankedAt ? versions.find(({ id }) => id === live.fallbackVersionId) : live;
    return { name, live: shown };
  });
}
