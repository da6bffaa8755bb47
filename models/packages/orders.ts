import type { Transaction } from "sequelize";
import type { Actor } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import { isBuild } from "../../domain/packages.ts";
import type { RunKind } from "../../domain/packages.ts";
import { enqueue, recordAudit } from "../operations.ts";
import { takeNumber } from "./link.ts";
import { keepStatus } from "./status.ts";
import { pipelineOf } from "./pipelines.ts";
import { Package, PackageRun, type PackageVersion } from "./tables.ts";
import { tellRun } from "./tasks.ts";

/** Who asks, and in which request. */
export interface Asker {
  actor: Actor;
  address: string;
  requestId: string;
}

/**
 * A run to be begun. Without a turn it publishes nothing, or only when its time has come; what takes up an earlier run
 * keeps that one's number, and so its place.
 */
interface RunRequest {
  runId: string;
  kind: RunKind;
  version: PackageVersion;
  turn: "now" | "later" | { number: number };
  publishAt?: Date | null;
  /** Where its build begins, if not with the original at the first step. */
  start?: Pick<PackageRun, "fromStep" | "inputKey" | "inputBytes" | "inputSha256">;
}

/** Adds a run, with the next publication number of its channel if it takes its turn now; answers the order for the workflow. */
export async function addRun(
  owner: Package,
  { runId, kind, version, turn, publishAt = null, start }: RunRequest,
  { actor, requestId }: Asker,
  transaction: Transaction,
) {
  const { id: packageId, name } = owner;
  const { channel } = version;
  const goesThrough = isBuild(kind) ? await pipelineOf(owner, transaction) : undefined;
  const number = await numberOf(turn, { packageId, channel }, transaction);
  await PackageRun.create(
    {
      id: runId,
      packageId,
      versionId: version.id,
      channel,
      kind,
      number,
      publishAt,
      ...start,
      pipeline: goesThrough?.name ?? null,
      pipelineVersion: goesThrough?.version ?? null,
      state: "queued",
      requestedById: actor.accountId,
      requestedBy: actor.name,
      requestId,
    },
    { transaction },
  );
  await Package.update({ latestRunId: runId }, { where: { id: packageId }, transaction });
  await keepStatus(packageId, transaction);
  await tellRun(runId, transaction);
  const title = `${name} ${version.version}`;
  const due = publishAt ? { publishAt: publishAt.getTime() } : {};
  return { packageId, runId, versionId: version.id, kind, channel, number, title, ...due };
}

function numberOf(
  turn: RunRequest["turn"],
  { packageId, channel }: { packageId: string; channel: string },
  transaction: Transaction,
): number | Promise<number> {
  if (typeof turn === "object") return turn.number;
  return turn === "now" ? takeNumber(packageId, channel, transaction) : 0;
}

/** Leaves, in the same transaction, the message that tells the package's workflow. */
export async function tellLine(
  owner: Package,
  command: { update: string; id: string; argument: unknown },
  { actor, requestId }: Pick<Asker, "actor" | "requestId">,
  transaction: Transaction,
): Promise<void> {
  const packageId = owner.id;
  const serial = String(owner.serial);
  await enqueue(
    {
      id: command.id,
      workflow: "packageLine",
      workflowId: workflowId("package", packageId),
      input: { packageId, serial },
      command,
      summary: `Package ${owner.name}`,
      kind: "package",
      subject: serial,
      headers: { accountId: actor.accountId, actorName: actor.name, requestId },
    },
    transaction,
  );
}

/** Keeps the package from being removed until the transaction ends; refuses when its removal has begun. */
export async function holdPackage(owner: Package, transaction: Transaction): Promise<void> {
  if (!(await tryToHold(owner.id, transaction))) {
    throw refusal("packages/not-found", "Package not found");
  }
}

/** Keeps the package from being removed until the transaction ends; false when there is none, or its removal has begun. */
export async function tryToHold(packageId: string, transaction: Transaction): Promise<boolean> {
  const [held] = await Package.update(
    { deletedAt: null },
    { where: { id: packageId, deletedAt: null }, transaction },
  );
  return held > 0;
}

/** Writes who changed what of a package. */
export function auditPackage(
  action: string,
  owner: Package,
  changed: { before?: object; after?: object },
  { actor, address, requestId }: Asker,
  transaction: Transaction,
): Promise<void> {
  const subject = { subjectKind: "package", subjectId: String(owner.serial) };
  return recordAudit({ actor, action, ...subject, address, requestId, ...changed }, transaction);
}
