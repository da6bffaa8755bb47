import { Op, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import { PLATFORM } from "../../domain/accounts.ts";
import { isFinal, notKept } from "../../domain/packages.ts";
import type { Verdict } from "../../domain/packages.ts";
import { findSurplus, type Keepsake, type Showing } from "../../domain/retention.ts";
import { recordAudit } from "../operations.ts";
import { type Asker, tellLine, tryToHold } from "./orders.ts";
import { Package, PackageChannel, PackageRun, PackageVersion } from "./tables.ts";

/** What became of a package's versions: those of which objects are to go, and those of which the grace has not ended. */
export interface Retirement {
  removed: string[];
  /** The one that ends first in front; `until` in epoch milliseconds. */
  graces: { title: string; until: number }[];
}

/**
 * Shuts the doors of the versions that a package has too many of. Who wants one of them shown again holds the package
 * too: either its run is seen here, or it is refused there. Asked again it answers the same until objects are gone.
 */
export async function retireVersions(
  packageId: string,
  now: Date,
  transaction: Transaction,
): Promise<Retirement> {
  if (!(await tryToHold(packageId, transaction))) return { removed: [], graces: [] };
  const owner = await Package.findByPk(packageId, { transaction, rejectOnEmpty: true });
  const surplus = await surplusOf(owner, transaction);
  const due = surplus.filter(({ until }) => until <= now.getTime()).map(({ id }) => id);
  if (due.length > 0) {
    await PackageVersion.update(
      { state: "removed", removedAt: now },
      { where: { id: due, ...REMOVABLE }, transaction },
    );
  }
  const removed = await PackageVersion.findAll({
    where: { packageId, state: "removed", artefactKey: { [Op.not]: null } },
    attributes: ["id", "version"],
    transaction,
  });
  const taken = removed.filter(({ id }) => due.includes(id)).map(({ version }) => version);
  if (taken.length > 0) {
    const after = { versions: taken, retained_versions: owner.retainedVersions };
    const subject = { subjectKind: "package", subjectId: String(owner.serial) };
    const action = "packages.versions-removed";
    await recordAudit({ actor: null, action, ...subject, after }, transaction);
  }
  const graces = surplus
    .filter(({ until }) => until > now.getTime())
    .map(({ version, until }) => ({ title: `${owner.name} ${version}`, until }));
  return { removed: removed.map(({ id }) => id), graces };
}

/** Versions of which nobody knows yet whether they may be had. */
const UNDECIDED: Verdict[] = ["pending", "held"];

/** What retention may take, whatever was decided before: the condition of the UPDATE that takes it. */
const REMOVABLE = {
  state: "ready",
  isDraft: false,
  isPinned: false,
  verdict: { [Op.notIn]: UNDECIDED },
} as const;

/** Keeps a version from being removed until the transaction ends; refuses when that has happened. */
export async function holdVersion(
  { id, version }: PackageVersion,
  transaction: Transaction,
): Promise<void> {
  const [held] = await PackageVersion.update(
    { removedAt: null },
    { where: { id, removedAt: null }, transaction },
  );
  if (held === 0) throw notKept(version);
}

/** Leaves the message that lets the package's workflow look again what is to be kept. */
export function tellRetention(
  owner: Package,
  asker: Pick<Asker, "actor" | "requestId">,
  transaction: Transaction,
): Promise<void> {
  const argument = { packageId: owner.id };
  return tellLine(owner, { update: "keepVersions", id: newId(), argument }, asker, transaction);
}

/**
 * Tells the workflows of packages that keep too much, from the package `after` on: for what was interrupted, or came
 * while nobody looked. Answers the last package that was looked at; null when it was the last of all.
 */
export async function tellOverdue(
  { after, limit, now }: { after: string; limit: number; now: Date },
  transaction: Transaction,
): Promise<string | null> {
  const owners = await Package.findAll({
    where: { id: { [Op.gt]: after }, retainedVersions: { [Op.not]: null }, deletedAt: null },
    order: [["id", "ASC"]],
    limit,
    transaction,
  });
  for (const owner of owners) {
    const surplus = await surplusOf(owner, transaction);
    const isDue = surplus.some(({ until }) => until <= now.getTime());
    const left = {
      packageId: owner.id,
      state: "removed",
      artefactKey: { [Op.not]: null },
    } as const;
    if (!isDue && (await PackageVersion.count({ where: left, transaction })) === 0) continue;
    await tellRetention(owner, { actor: PLATFORM, requestId: newId() }, transaction);
  }
  return owners.length < limit ? null : owners.at(-1)!.id;
}

/** Notes that a removed version's published form is in the store no more. */
export async function forgetArtefacts(
  versionIds: readonly string[],
  transaction: Transaction,
): Promise<void> {
  const ids = [...versionIds];
  await PackageRun.update({ artefactKey: null }, { where: { versionId: ids }, transaction });
  await PackageVersion.update(
    { artefactKey: null, firstArtefactKey: null },
    { where: { id: ids, state: "removed" }, transaction },
  );
}

/** The versions that a package has too many of, the one whose grace ends first in front. */
async function surplusOf(
  { id: packageId, retainedVersions: retained, graceSeconds }: Package,
  transaction: Transaction,
) {
  if (retained === null) return [];
  // Runs come first: one that becomes live meanwhile is seen as running here, or as live below.
  const runs = await PackageRun.findAll({
    where: { packageId },
    attributes: ["versionId", "channel", "kind", "number", "state", "createdAt", "endedAt"],
    order: [["number", "ASC"]],
    transaction,
  });
  const versions = await PackageVersion.findAll({
    where: { packageId, state: "ready", isDraft: false },
    attributes: ["id", "version", "channel", "isPinned", "verdict"],
    order: [
      ["createdAt", "DESC"],
      ["id", "DESC"],
    ],
    transaction,
  });
  const needed = await neededBytes(packageId, transaction);
  const open = new Set(runs.filter(({ state }) => !isFinal(state)).map((run) => run.versionId));
  const settled = new Map<string, number>();
  for (const { versionId, endedAt, createdAt } of runs) {
    const at = (endedAt ?? createdAt).getTime();
    settled.set(versionId, Math.max(settled.get(versionId) ?? 0, at));
  }
  const keepsakes = versions.map(({ id, channel, isPinned, verdict }): Keepsake => {
    const isProtected = isPinned || UNDECIDED.includes(verdict) || needed.has(id) || open.has(id);
    return { id, channel, isProtected, settledAt: settled.get(id) ?? 0 };
  });
  const shown = runs
    .filter(({ state, number }) => state === "succeeded" && number > 0)
    .map(({ versionId, channel, kind, endedAt }): Showing => {
      return { versionId, channel, kind, since: endedAt?.getTime() ?? 0 };
    });
  const names = new Map(versions.map(({ id, version }) => [id, version]));
  return findSurplus(keepsakes, shown, { retained, graceSeconds }).map(({ id, until }) => {
    return { id, until, version: names.get(id)! };
  });
}

/** The versions that links show, and those that take their place while they are yanked. */
async function neededBytes(packageId: string, transaction: Transaction): Promise<Set<string>> {
  const channels = await PackageChannel.findAll({ where: { packageId }, transaction });
  const live = channels.map(({ liveVersionId }) => liveVersionId).filter((id) => id !== null);
  const shown = await PackageVersion.findAll({ where: { id: live }, transaction });
  return new Set([...live, ...shown.flatMap((version) => version.fallbackVersionId ?? [])]);
}
