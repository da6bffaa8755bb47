import { Op, type Transaction } from "sequelize";
import { PackageLogChunk, PackageRun } from "./tables.ts";

/**
 * Appends to a run's log; writers take turns by the run's row. What a late worker says after the log was stored is
 * not kept.
 */
export async function appendLog(
  runId: string,
  text: string,
  transaction: Transaction,
): Promise<void> {
  const run = await PackageRun.findByPk(runId, {
    attributes: ["logKey"],
    lock: transaction.LOCK.UPDATE,
    transaction,
    rejectOnEmpty: true,
  });
  if (run.logKey) return;
  const last = await lastChunk(runId, transaction);
  await PackageLogChunk.create(
    {
      runId,
      sequence: (last?.sequence ?? 0) + 1,
      offset: last ? last.offset + last.bytes : 0,
      bytes: Buffer.byteLength(text),
      text,
    },
    { transaction },
  );
}

/** How long a run's log is by now. */
export async function logBytes(runId: string): Promise<number> {
  const last = await lastChunk(runId);
  return last ? last.offset + last.bytes : 0;
}

function lastChunk(runId: string, transaction?: Transaction): Promise<PackageLogChunk | null> {
  return PackageLogChunk.findOne({
    where: { runId },
    order: [["sequence", "DESC"]],
    attributes: ["sequence", "offset", "bytes"],
    ...(transaction && { transaction }),
  });
}

/** The pieces of a running run's log that reach beyond the first `after` bytes, oldest first. */
export async function readLog(
  runId: string,
  after: number,
  limit: number,
): Promise<PackageLogChunk[]> {
  const first = await PackageLogChunk.findOne({
    where: { runId, offset: { [Op.lte]: after } },
    order: [["sequence", "DESC"]],
    attributes: ["sequence"],
  });
  return PackageLogChunk.findAll({
    where: { runId, sequence: { [Op.gte]: first?.sequence ?? 1 } },
    order: [["sequence", "ASC"]],
    limit,
  });
}
