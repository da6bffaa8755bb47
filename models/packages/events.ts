import type { Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import type { RunFacts } from "../../domain/events.ts";
import { emit } from "../webhooks/index.ts";
import { Package, PackageRun, PackageVersion } from "./tables.ts";

/** The events that say nothing but which run they are about. */
type PlainRunEvent =
  | "package.version_accepted"
  | "package.run_parked"
  | "package.published"
  | "package.rolled_back";

/** Tells the outside what became of a run, in the transaction that makes it so. */
export async function emitRunEvent(
  type: PlainRunEvent,
  runId: string,
  transaction: Transaction,
): Promise<void> {
  const { facts } = await describeRun(runId, transaction);
  await emit({ id: newId(), type, data: facts }, transaction);
}

/** Tells the outside that a run has ended, and how. */
export async function emitRunEnded(runId: string, transaction: Transaction): Promise<void> {
  const { facts, status } = await describeRun(runId, transaction);
  await emit({ id: newId(), type: "package.run_ended", data: { ...facts, status } }, transaction);
}

/** The events of the gate, which name what was found. */
type GateEvent =
  | "package.version_quarantined"
  | "package.version_released"
  | "package.version_rejected";

/** Tells the outside what the gate, or who decides there, has done with the version of a run. */
export async function emitGateEvent(
  type: GateEvent,
  runId: string,
  findings: string[],
  transaction: Transaction,
): Promise<void> {
  const { facts } = await describeRun(runId, transaction);
  await emit({ id: newId(), type, data: { ...facts, findings } }, transaction);
}

async function describeRun(runId: string, transaction: Transaction) {
  const found = { transaction, rejectOnEmpty: true } as const;
  const run = await PackageRun.findByPk(runId, found);
  const { serial } = await Package.findByPk(run.packageId, found);
  const { version } = await PackageVersion.findByPk(run.versionId, found);
  const { id, kind, number, state: status } = run;
  const facts: RunFacts = { package: String(serial), version, run: id, kind, number };
  return { facts, status };
}
