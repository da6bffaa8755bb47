import type { Transaction } from "sequelize";
import type { TaskRef, TaskUpdate } from "../../domain/feeds.ts";
import { LIMITS } from "../../domain/limits.ts";
import { fixedPath } from "../../domain/packages.ts";
import { publishNote, publishNotes, publishTask } from "../feeds/index.ts";
import { Package, PackageRun, PackageVersion } from "./tables.ts";

/** Tells whoever ordered a run how it stands now. */
export async function tellRun(runId: string, transaction: Transaction): Promise<void> {
  const found = { transaction, rejectOnEmpty: true } as const;
  const run = await PackageRun.findByPk(runId, found);
  const owner = await Package.findByPk(run.packageId, found);
  const { version } = await PackageVersion.findByPk(run.versionId, found);
  await publishTask(updateOf(run, owner, version), transaction);
}

/** Tells whoever ordered a run what is now happening to it. */
export async function noteRun(
  run: Pick<PackageRun, "id" | "requestedById">,
  message: string,
  transaction: Transaction,
): Promise<void> {
  await publishNote({ ...taskOf(run), level: "info", message }, transaction);
}

/**
 * Tells whoever ordered a run by what its log has grown: the last lines of it, and how many are left out. The whole log
 * stands elsewhere.
 */
export async function noteLog(
  run: Pick<PackageRun, "id" | "requestedById">,
  text: string,
  transaction: Transaction,
): Promise<void> {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const told = lines.slice(-LIMITS.feedLines);
  const leftOut = lines.length - told.length;
  const gap = leftOut > 0 ? [`(${leftOut} lines are in the run's log alone)`] : [];
  const notes = [...gap, ...told].map((message) => ({ level: "info" as const, message }));
  await publishNotes(taskOf(run), notes, transaction);
}

/** A run as a task that its orderer follows. */
export function taskOf({ id, requestedById }: Pick<PackageRun, "id" | "requestedById">): TaskRef {
  return { taskId: id, accountId: requestedById, kind: "package" };
}

function updateOf(run: PackageRun, owner: Package, version: string): TaskUpdate {
  const { kind, state, number, channel } = run;
  const serial = String(owner.serial);
  const facts = {
    package: serial,
    name: owner.name,
    version,
    channel,
    number,
    run_kind: kind,
    run_status: state,
  };
  const reason = run.reason ?? `The run is ${state}.`;
  const task = { ...taskOf(run), facts };
  switch (state) {
    case "queued":
    case "running":
      return { ...task, state };
    case "parked":
      return { ...task, state: "waiting", message: reason };
    case "succeeded": {
      const files = number > 0 ? [fixedPath(serial, channel, owner.type)] : [];
      return { ...task, state: "completed", files, seconds: secondsOf(run) };
    }
    case "superseded":
    case "cancelled":
      return { ...task, state: "cancelled", reason, code: `packages/run-${state}` };
    case "failed":
    case "quarantined":
      return { ...task, state: "failed", reason, code: `packages/run-${state}` };
  }
}

function secondsOf({ startedAt, createdAt, endedAt }: PackageRun): number {
  const beganAt = startedAt ?? createdAt;
  return endedAt ? (endedAt.getTime() - beganAt.getTime()) / 1000 : 0;
}
