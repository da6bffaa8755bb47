import { Op, type Transaction } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import { closedDoor, isFinal } from "../../domain/packages.ts";
import { type Database, inTransaction } from "../database.ts";
import { assertSecondPerson, type Demand } from "./approval.ts";
import { findChannel, shownVersions, takeNumber } from "./link.ts";
import { addRun, type Asker, auditPackage, holdPackage, tellLine } from "./orders.ts";
import { type Package, PackageRun, PackageVersion } from "./tables.ts";

/** A version's own doors, whatever its package says. */
const OPEN_HOUSE = { isDistributing: true };

/**
 * Accepts that a draft is published, now or at a time; what was ordered for another time is void from here on. Now: it
 * takes its publication number at once. Later: it takes it when the time has come, so that it wins against what was
 * submitted before that time, and loses against what was submitted after.
 */
export async function acceptPublication(
  database: Database,
  owner: Package,
  {
    runId,
    version,
    at,
    ...demand
  }: { runId: string; version: PackageVersion; at: Date | null } & Demand,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const which = { packageId: owner.id, versionId: version.id };
    await assertSecondPerson(which, demand, asker, transaction);
    const [changed] = await PackageVersion.update(
      at ? { publishAt: at } : { isDraft: false, publishAt: null },
      { where: { id: version.id, ...PUBLISHABLE }, transaction },
    );
    if (changed === 0) {
      throw refusal(
        "packages/version-not-draft",
        `Version ${version.version} is no draft any more. Roll back to it to show it again.`,
      );
    }
    await voidTimedRuns(version.id, transaction);
    const turn = at ? "later" : "now";
    const run = { runId, kind: "publish", version, turn, publishAt: at } as const;
    const argument = await addRun(owner, run, asker, transaction);
    const { version: name, channel } = version;
    const after = { version: name, channel, publish_at: at?.toISOString() ?? null };
    await auditPackage("packages.draft-published", owner, { after }, asker, transaction);
    await tellLine(owner, { update: "publishVersion", id: runId, argument }, asker, transaction);
  });
}

const PUBLISHABLE = { isDraft: true, state: "ready", yankedAt: null, verdict: "clear" } as const;

/** The time alone does not tell one order from another: it may be given twice. */
async function voidTimedRuns(versionId: string, transaction: Transaction): Promise<void> {
  await PackageRun.update(
    { cancelReason: "The draft was published, or given a time, once more." },
    {
      where: { versionId, kind: "publish", number: 0, cancelReason: null, endedAt: null },
      transaction,
    },
  );
}

/** What became of a publication whose time has come. */
export type Turn = { number: number } | { number: 0; end: "cancelled" | "superseded" };

/**
 * Gives a timed publication its number; asked again, the same. `cancelled`: the draft was published, put off, yanked or
 * held meanwhile. `superseded`: after an outage over its time something that was submitted later is there already.
 */
export async function takeTurn(runId: string, transaction: Transaction): Promise<Turn> {
  const run = await PackageRun.findByPk(runId, { transaction });
  if (!run || run.cancelReason || isFinal(run.state)) return { number: 0, end: "cancelled" };
  if (run.number > 0) return { number: run.number };
  const { packageId, channel, versionId, publishAt } = run;
  const [opened] = await PackageVersion.update(
    { isDraft: false, publishAt: null },
    { where: { id: versionId, publishAt, ...PUBLISHABLE }, transaction },
  );
  if (opened === 0) return { number: 0, end: "cancelled" };
  const after = { [Op.gt]: publishAt };
  const later = await PackageRun.count({
    where: {
      packageId,
      channel,
      number: { [Op.gt]: 0 },
      state: { [Op.notIn]: ["failed", "cancelled", "quarantined"] },
      [Op.or]: [{ publishAt: null, createdAt: after }, { publishAt: after }],
    },
    transaction,
  });
  if (later > 0) return { number: 0, end: "superseded" };
  const number = await takeNumber(packageId, channel, transaction);
  await run.update({ number }, { transaction });
  return { number };
}

/**
 * Withdraws a version: from the commit on none of its doors opens. If its link shows it, `fallback` lets the link show
 * what it showed before, at once, and orders the publication that makes it so everywhere.
 */
export async function acceptYank(
  database: Database,
  owner: Package,
  yank: Yank,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const { version, reason } = yank;
    const next = await orderYank(owner, yank, asker, transaction);
    const after = { version: version.version, reason, fallback: next?.version ?? null };
    await auditPackage("packages.version-yanked", owner, { after }, asker, transaction);
  });
}

/** A version is to be withdrawn. `if-any`: with a fallback if there is one. */
interface Yank {
  runId: string;
  fallbackRunId: string;
  version: PackageVersion;
  reason: string;
  fallback: boolean | "if-any";
}

/**
 * The order of `acceptYank` as a part of a larger one, which holds the package and writes the audit. Answers what takes
 * the version's place.
 */
export async function orderYank(
  owner: Package,
  { runId, fallbackRunId, version, reason, fallback }: Yank,
  asker: Asker,
  transaction: Transaction,
): Promise<PackageVersion | undefined> {
  const live = await findLiveVersion(version, transaction);
  // Until its publication has ended, what takes the place of a yanked version is shown in its name.
  const isShown = [live?.id, live?.fallbackVersionId].includes(version.id);
  const next = fallback && isShown ? await findFallback(version, transaction) : undefined;
  if (fallback === true && isShown && !next) {
    const advice = "No earlier version can take its place. Yank it without fallback.";
    throw refusal("packages/no-fallback", advice);
  }
  const [yanked] = await PackageVersion.update(
    {
      yankedAt: new Date(),
      yankReason: reason,
      publishAt: null,
      fallbackVersionId: next?.id ?? null,
    },
    { where: { id: version.id, yankedAt: null }, transaction },
  );
  if (yanked === 0) {
    const row = await PackageVersion.findByPk(version.id, { transaction, rejectOnEmpty: true });
    throw closedDoor(OPEN_HOUSE, row)!;
  }
  if (next && live && live.id !== version.id) {
    await live.update({ fallbackVersionId: next.id }, { transaction });
  }
  const order = (id: string, kind: "yank" | "rollback", about: PackageVersion) => {
    const turn = kind === "yank" ? "later" : "now";
    return addRun(owner, { runId: id, kind, version: about, turn }, asker, transaction);
  };
  const argument = {
    yank: await order(runId, "yank", version),
    fallback: next ? await order(fallbackRunId, "rollback", next) : null,
  };
  await tellLine(owner, { update: "yankVersion", id: runId, argument }, asker, transaction);
  return next;
}

/** The version that a version's link shows, as far as is recorded. */
async function findLiveVersion(
  { packageId, channel: name }: PackageVersion,
  transaction: Transaction,
): Promise<PackageVersion | null> {
  const channel = await findChannel(packageId, name, transaction);
  return channel?.liveVersionId
    ? PackageVersion.findByPk(channel.liveVersionId, { transaction })
    : null;
}

/** The version that the link showed last before this one and may show again. */
async function findFallback(
  yanked: PackageVersion,
  transaction: Transaction,
): Promise<PackageVersion | undefined> {
  const shown = await shownVersions(yanked.packageId, yanked.channel, transaction);
  for (const id of shown.filter((one) => one !== yanked.id)) {
    const version = await PackageVersion.findByPk(id, { transaction, rejectOnEmpty: true });
    if (!closedDoor(OPEN_HOUSE, version)) return version;
  }
  return undefined;
}
