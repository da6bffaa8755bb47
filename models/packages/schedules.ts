import { Op, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import type { Actor } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { closedDoor, isFinal, RUN_STATES } from "../../domain/packages.ts";
import { type Database, inTransaction } from "../database.ts";
import { recordAudit } from "../operations.ts";
import { findChannel } from "./link.ts";
import { type Asker, auditPackage, holdPackage, tellLine, tryToHold } from "./orders.ts";
import { orderRebuild } from "./rebuilds.ts";
import { PackageSchedule } from "./schedule-table.ts";
import { Package, PackageRun, PackageVersion } from "./tables.ts";

/** What can be said about a schedule. */
export interface ScheduleTerms {
  intervalSeconds: number;
  channel: string;
  isPaused: boolean;
}

/** Sets the schedule of a package. Its ticks lie whole intervals from the moment at which the interval was set. */
export async function setSchedule(
  database: Database,
  owner: Package,
  terms: ScheduleTerms,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const row = await PackageSchedule.findByPk(owner.id, { transaction });
    const before = row && told(row);
    if (JSON.stringify(before) === JSON.stringify(told(terms))) return;
    const { accountId: setById, name: setBy } = asker.actor;
    const fields = { ...terms, setById, setBy };
    const anchoredAt = new Date();
    if (!row) {
      await PackageSchedule.create({ packageId: owner.id, anchoredAt, ...fields }, { transaction });
    } else {
      const isSame = row.intervalSeconds === terms.intervalSeconds;
      await row.update({ ...fields, ...(!isSame && { anchoredAt }) }, { transaction });
    }
    await tellSchedule(owner, asker, transaction);
    const changed = { ...(before && { before }), after: told(terms) };
    await auditPackage("packages.schedule-set", owner, changed, asker, transaction);
  });
}

/** Stops or goes on with the ticks of a schedule; what a pause left out is not made up for. */
export async function pauseSchedule(
  database: Database,
  owner: Package,
  isPaused: boolean,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const [there] = await PackageSchedule.update(
      { isPaused },
      { where: { packageId: owner.id, isPaused: !isPaused }, transaction },
    );
    if (there === 0) return;
    await tellSchedule(owner, asker, transaction);
    const [before, after] = [{ paused: !isPaused }, { paused: isPaused }];
    await auditPackage("packages.schedule-set", owner, { before, after }, asker, transaction);
  });
}

/** Removes the schedule of a package; what it has started goes on. */
export async function removeSchedule(
  database: Database,
  owner: Package,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const row = await PackageSchedule.findByPk(owner.id, { transaction });
    if (!row) return;
    await row.destroy({ transaction });
    await tellSchedule(owner, asker, transaction);
    const before = told(row);
    await auditPackage("packages.schedule-removed", owner, { before }, asker, transaction);
  });
}

/** Orders at once what a tick orders, paused or not; the ticks stay as they are. Refuses while a run is under way. */
export async function acceptScheduledRun(
  database: Database,
  owner: Package,
  runId: string,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const row = await PackageSchedule.findByPk(owner.id, { transaction, rejectOnEmpty: true });
    const found = await findWork(row, transaction);
    if ("obstacle" in found) throw found.obstacle;
    await orderRebuild(
      owner,
      { runId, version: found.version, kind: "rebuild" },
      asker,
      transaction,
    );
    await row.update({ lastRunId: runId, lastTickAt: new Date() }, { transaction });
    const after = { version: found.version.version, channel: row.channel };
    await auditPackage("packages.rebuild-ordered", owner, { after }, asker, transaction);
  });
}

/** What became of a tick: the run that it ordered, or why it ordered none. */
export type Tick = { runId: string } | { skipped: string };

/** Takes one tick of a schedule, in one transaction with all that follows of it; asked again, the same. */
export async function takeTick(
  { packageId, tickId }: { packageId: string; tickId: string },
  transaction: Transaction,
): Promise<Tick> {
  if (!(await tryToHold(packageId, transaction))) return { skipped: "The package is removed." };
  const row = await PackageSchedule.findByPk(packageId, { transaction });
  if (!row) return { skipped: "The schedule was removed." };
  if (row.lastTickId === tickId) return outcomeOf(row);
  const owner = await Package.findByPk(packageId, { transaction, rejectOnEmpty: true });
  const found = row.isPaused ? PAUSED : await findWork(row, transaction);
  const tick = { lastTickId: tickId, lastTickAt: new Date() };
  if ("obstacle" in found) {
    const [lastSkipReason, skippedTicks] = [found.obstacle.message, row.skippedTicks + 1];
    return outcomeOf(await row.update({ ...tick, lastSkipReason, skippedTicks }, { transaction }));
  }
  const { version } = found;
  const actor: Actor = {
    accountId: row.setById,
    name: `schedule of ${row.setBy}`.slice(0, 255),
    permissions: [],
  };
  const requestId = tickId;
  await orderRebuild(
    owner,
    { runId: tickId, version, kind: "rebuild" },
    { actor, address: "", requestId },
    transaction,
  );
  await row.update({ ...tick, lastRunId: tickId, lastSkipReason: null }, { transaction });
  const after = { version: version.version, channel: row.channel };
  const subject = { subjectKind: "package", subjectId: String(owner.serial) };
  const action = "packages.rebuild-ordered";
  await recordAudit({ actor, action, ...subject, requestId, after }, transaction);
  return { runId: tickId };
}

function outcomeOf({ lastTickId, lastSkipReason }: PackageSchedule): Tick {
  return lastSkipReason === null ? { runId: lastTickId! } : { skipped: lastSkipReason };
}

const PAUSED = { obstacle: { message: "The schedule is paused." } };

/** What a schedule is to build again, or the refusal that is in its way. A publication that waits for its time is not. */
async function findWork(
  { packageId, channel }: PackageSchedule,
  transaction: Transaction,
): Promise<{ version: PackageVersion } | { obstacle: ReturnType<typeof refusal> }> {
  const underWay = await PackageRun.count({
    where: {
      packageId,
      state: RUN_STATES.filter((state) => !isFinal(state)),
      [Op.not]: { state: "queued", number: 0, publishAt: { [Op.not]: null } },
    },
    transaction,
  });
  if (underWay > 0) {
    const advice = "A run of the package is under way. Wait for its end, or cancel it.";
    return { obstacle: refusal("packages/run-under-way", advice) };
  }
  const live = (await findChannel(packageId, channel, transaction))?.liveVersionId;
  if (!live) {
    const advice = `Nothing is live on ${channel}. Publish there, or set another channel.`;
    return { obstacle: refusal("packages/version-not-ready", advice) };
  }
  const version = await PackageVersion.findByPk(live, { transaction, rejectOnEmpty: true });
  const shut = closedDoor({ isDistributing: true }, version);
  return shut ? { obstacle: shut } : { version };
}

/** Leaves the message that lets the package's workflow bring Temporal to what the row says. */
function tellSchedule(owner: Package, asker: Asker, transaction: Transaction): Promise<void> {
  const argument = { packageId: owner.id };
  return tellLine(owner, { update: "followSchedule", id: newId(), argument }, asker, transaction);
}

function told({ intervalSeconds, channel, isPaused }: ScheduleTerms) {
  return { interval_seconds: intervalSeconds, channel, paused: isPaused };
}
