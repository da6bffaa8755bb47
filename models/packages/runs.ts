import { Op, type Transaction } from "sequelize";
import { isFinal, statesBefore } from "../../domain/packages.ts";
import type { RunState, RunStep, StepState } from "../../domain/packages.ts";
import { emitRunEnded, emitRunEvent } from "./events.ts";
import type { KeptObject } from "./artefacts.ts";
import { keepStatus } from "./status.ts";
import { PackageRun, PackageStep, PackageVersion } from "./tables.ts";
import { tellRun } from "./tasks.ts";

/**
 * Moves a run to `to` if its state allows, and tells the outside when it is parked or has ended; false when its state
 * does not allow it, so a late retry changes nothing.
 */
export async function moveRun(
  runId: string,
  to: RunState,
  fields: Partial<Pick<PackageRun, "reason" | "parkedIn" | "startedAt" | "endedAt">>,
  transaction: Transaction,
): Promise<boolean> {
  const [moved] = await PackageRun.update(
    { ...fields, state: to },
    { where: { id: runId, state: { [Op.in]: statesBefore(to) } }, transaction },
  );
  if (moved === 0) return false;
  const { packageId } = await PackageRun.findByPk(runId, { transaction, rejectOnEmpty: true });
  await keepStatus(packageId, transaction);
  if (to === "parked") await emitRunEvent("package.run_parked", runId, transaction);
  if (isFinal(to)) await emitRunEnded(runId, transaction);
  await tellRun(runId, transaction);
  return true;
}

/** Notes what a running run is held up by. */
export async function noteTrouble(
  runId: string,
  reason: string,
  transaction: Transaction,
): Promise<void> {
  await PackageRun.update({ reason }, { where: { id: runId, state: "running" }, transaction });
}

/** Notes that a step has begun, again if it was begun before; answers which turn this is, counted from 1. */
export async function beginStep(
  step: { runId: string; position: number; name: RunStep },
  transaction: Transaction,
): Promise<number> {
  const again = {
    state: "running",
    startedAt: new Date(),
    endedAt: null,
    reason: null,
    exitCode: null,
  } as const;
  const where = { runId: step.runId, name: step.name };
  const [begun] = await PackageStep.update(again, { where, transaction });
  if (begun === 0) await PackageStep.create({ ...step, ...again, attempts: 0 }, { transaction });
  await PackageStep.increment("attempts", { where, transaction });
  const { attempts } = await PackageStep.findOne({ where, transaction, rejectOnEmpty: true });
  return attempts;
}

/** How a turn of a step ended, and what it made. */
interface StepEnd {
  state: StepState;
  reason?: string;
  exitCode?: number | null;
  output?: KeptObject;
}

/** Notes how a turn of a step ended. A worker that was thought dead changes nothing: a later turn has begun. */
export async function endStep(
  { turn, ...step }: { runId: string; name: RunStep; turn: number },
  { output, ...end }: StepEnd,
  transaction: Transaction,
): Promise<void> {
  const kept = output && {
    outputKey: output.key,
    outputBytes: output.bytes,
    outputSha256: output.sha256,
  };
  await PackageStep.update(
    { ...end, ...kept, endedAt: new Date() },
    { where: { ...step, attempts: turn }, transaction },
  );
}

/** Adds facts that a step read out of a version's file; of other bytes only to a version that clients do not know. */
export async function addFacts(
  versionId: string,
  facts: Record<string, unknown>,
  transaction: Transaction,
  { ofOtherBytes = false }: { ofOtherBytes?: boolean } = {},
): Promise<void> {
  const version = await PackageVersion.findByPk(versionId, { transaction, rejectOnEmpty: true });
  if (ofOtherBytes && version.state === "ready" && !version.isDraft) return;
  await version.update({ facts: { ...version.facts, ...facts } }, { transaction });
}
