import { workflowId } from "../../../domain/ids.ts";
import { refusal } from "../../../domain/errors.ts";
import {
  acceptScheduledRun,
  type Package,
  PackageRun,
  PackageSchedule,
  PackageVersion,
  pauseSchedule as pause,
  removeSchedule as remove,
  setSchedule as set,
} from "../../../models/packages/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { openSchedules, type SeenRhythm } from "../../../platform/schedules.ts";
import { findPackage } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import { Done } from "../../schemas/accounts.ts";
import { AcceptedOut, PackageId } from "../../schemas/packages.ts";
import { presentSchedule, Schedule, ScheduleOut } from "../../schemas/packages/schedules.ts";
import type { Services } from "../../services.ts";
import { answerToldOf } from "./versions.ts";

/** Who only wants to look is not kept waiting while Temporal is away. */
const PATIENCE_MS = 2_000;
const PATH = "/api/v1/packages/:id/schedule";

export const readSchedule = route({
  method: "get",
  path: PATH,
  summary: "Show when a package is built again, and what became of it the last time",
  access: "packages:read",
  perPackage: true,
  params: PackageId,
  returns: [200, ScheduleOut],
  handle: async (call) => showSchedule(call.services, await findPackage(call)),
});

export const setSchedule = route({
  method: "put",
  path: PATH,
  summary: "Build again what is live on a channel, at intervals",
  access: "packages:publish",
  perPackage: true,
  params: PackageId,
  body: Schedule,
  returns: [200, ScheduleOut],
  async handle(call) {
    const { interval_seconds: intervalSeconds, channel, paused: isPaused } = call.body;
    const owner = await findPackage(call);
    const terms = { intervalSeconds, channel, isPaused };
    await set(call.services.database, owner, terms, call);
    return showChanged(call.services, owner);
  },
});

export const removeSchedule = route({
  method: "delete",
  path: PATH,
  summary: "Build a package no more at intervals; a run that it has started goes on",
  access: "packages:publish",
  perPackage: true,
  params: PackageId,
  returns: [200, Done],
  async handle(call) {
    const owner = await findPackage(call);
    await findSchedule(owner);
    await remove(call.services.database, owner, call);
    await wakeRelay(call.services);
    return { message: "Schedule removed", success: true as const };
  },
});

export const runSchedule = route({
  method: "post",
  path: `${PATH}/run`,
  summary: "Build now what a tick would build, paused or not; the ticks stay as they are",
  access: "packages:run",
  perPackage: true,
  params: PackageId,
  returns: [202, AcceptedOut],
  async handle(call) {
    const owner = await findPackage(call);
    await findSchedule(owner);
    const runId = newId();
    await acceptScheduledRun(call.services.database, owner, runId, call);
    return answerToldOf(call, owner, runId);
  },
});

export const pauseSchedule = route({
  method: "post",
  path: `${PATH}/pause`,
  summary: "Leave out every tick from now on",
  access: "packages:publish",
  perPackage: true,
  params: PackageId,
  returns: [200, ScheduleOut],
  async handle(call) {
    const owner = await findPackage(call);
    await pause(call.services.database, owner, true, call);
    return showChanged(call.services, owner);
  },
});

export const resumeSchedule = route({
  method: "post",
  path: `${PATH}/resume`,
  summary: "Go on with the next tick; those that a pause left out are not made up for",
  access: "packages:publish",
  perPackage: true,
  params: PackageId,
  returns: [200, ScheduleOut],
  async handle(call) {
    const owner = await findPackage(call);
    await pause(call.services.database, owner, false, call);
    return showChanged(call.services, owner);
  },
});

async function showChanged(services: Services, owner: Package) {
  await wakeRelay(services);
  return showSchedule(services, owner);
}

function wakeRelay({ bus }: Services): Promise<void> {
  return bus.announce({ type: "outbox.filled", data: {} });
}

async function findSchedule(owner: Package): Promise<PackageSchedule> {
  const row = await PackageSchedule.findByPk(owner.id);
  if (!row)
    throw refusal("packages/no-schedule", "This package has no schedule. Set one with PUT.");
  return row;
}

async function showSchedule(services: Services, owner: Package) {
  const row = await findSchedule(owner);
  const run = row.lastRunId ? await PackageRun.findByPk(row.lastRunId) : null;
  const version = run && (await PackageVersion.findByPk(run.versionId, { rejectOnEmpty: true }));
  const lastRun = run && version ? { run, version: version.version } : undefined;
  return presentSchedule({ row, lastRun, seen: await look(services, owner) });
}

/** What Temporal says; null when it says nothing. */
async function look(
  { temporal, log }: Services,
  owner: Package,
): Promise<SeenRhythm | undefined | null> {
  try {
    return await temporal.withDeadline(Date.now() + PATIENCE_MS, () =>
      openSchedules(temporal).look(workflowId("package", owner.id, "tick")),
    );
  } catch (error) {
    log.warn({ err: error }, "schedule cannot be looked at");
    return null;
  }
}
