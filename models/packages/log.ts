import { Op, type Transaction } from "sequelize";
import { PackageLogChunk } from "./tables.ts";

/** Appends to a run's log. The unique sequence number keeps two writers from the same place: one of them throws. */
export async function appendLog(
  runId: string,
  text: string,
  transaction: Transaction,
): Promise<void> {
  const last = await PackageLogChunk.findOne({
    where: { runId },
    order: [["sequence", "DESC"]],
    attributes: ["sequence", "offset", "bytes"],
    transaction,
  });
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
