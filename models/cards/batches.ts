import type { Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import type { CodeAlphabet } from "../../domain/cards/codes.ts";
import { refusal } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { type Audit, enqueue, recordAudit } from "../operations.ts";
import { CardBatch } from "./tables.ts";
import { tellBatch } from "./tasks.ts";

/** Where an order came from: what its audit entry says beside it. */
export type Origin = Pick<Audit, "actor" | "address" | "requestId">;

/** Cards that somebody wants made. */
export interface BatchOrder {
  id: string;
  prefix: string;
  count: number;
  codeLength: number;
  alphabet: CodeAlphabet;
  policyId: string | null;
  productId: string | null;
  note: string | null;
  accountId: string;
}

/**
 * Writes an order down; its workflow hears of it after the commit. The same id again answers the batch that there is,
 * and refuses `operations/idempotency-mismatch` when that was another order.
 */
export async function orderBatch(
  database: Database,
  order: BatchOrder,
  origin: Origin,
): Promise<CardBatch> {
  try {
    return await inTransaction(database, async (transaction) => {
      const batch = await CardBatch.create({ ...order }, { transaction });
      await tellWorkflow(batch, origin, transaction);
      await tellBatch(batch.id, transaction);
      const { id: _, accountId: __, ...after } = order;
      await audit("ordered", batch, origin, transaction, { after });
      return batch.reload({ transaction });
    });
  } catch (error) {
    const earlier = isTaken(error) && (await CardBatch.findByPk(order.id));
    if (!earlier) throw error;
    const isSame = Object.entries(order).every(
      ([name, value]) => earlier.get(name as keyof BatchOrder) === value,
    );
    if (isSame) return earlier;
    throw refusal(
      "operations/idempotency-mismatch",
      "This Idempotency-Key was used for another batch. Take a new one.",
    );
  }
}

/** What may be changed of a batch whenever one likes. */
export type BatchChange = Partial<Pick<CardBatch, "frozen" | "revoked" | "note">>;

/** Changes a batch; all of its cards are frozen or revoked by one row. */
export async function changeBatch(
  database: Database,
  batchId: string,
  change: BatchChange,
  origin: Origin,
): Promise<CardBatch> {
  return inTransaction(database, async (transaction) => {
    const batch = await lockBatch(batchId, transaction);
    const before = Object.fromEntries(
      Object.keys(change).map((name) => [name, batch.get(name as keyof BatchChange)]),
    );
    await batch.update(change, { transaction });
    await audit("changed", batch, origin, transaction, { before, after: change });
    return batch;
  });
}

/** Lets a batch that failed go on from where it stands. */
export async function resumeBatch(
  database: Database,
  batchId: string,
  origin: Origin,
): Promise<CardBatch> {
  return inTransaction(database, async (transaction) => {
    const batch = await lockBatch(batchId, transaction);
    if (batch.state !== "failed") {
      throw refusal(
        "cards/batch-not-failed",
        `This batch is ${batch.state}: only a failed one is resumed.`,
      );
    }
    await batch.update({ state: "generating", error: null }, { transaction });
    await tellBatch(batchId, transaction);
    await tellWorkflow(batch, origin, transaction);
    await audit("resumed", batch, origin, transaction, { after: { generated: batch.generated } });
    return batch;
  });
}

/** How far a batch is. */
export interface BatchProgress {
  generated: number;
  count: number;
}

/** A batch that is to be made; undefined when there is nothing to do. */
export async function beginBatch(
  database: Database,
  batchId: string,
): Promise<CardBatch | undefined> {
  await inTransaction(database, async (transaction) => {
    const [begun] = await CardBatch.update(
      { state: "generating" },
      { where: { id: batchId, state: "queued" }, transaction },
    );
    if (begun === 1) await tellBatch(batchId, transaction);
  });
  const batch = await CardBatch.findByPk(batchId);
  return batch?.state === "generating" ? batch : undefined;
}

/** Says why no more cards of a batch are made. */
export async function failBatch(database: Database, batchId: string, error: string): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const [failed] = await CardBatch.update(
      { state: "failed", error: error.slice(0, 500) },
      { where: { id: batchId, state: ["queued", "generating"] }, transaction },
    );
    if (failed === 1) await tellBatch(batchId, transaction);
  });
}

async function lockBatch(id: string, transaction: Transaction): Promise<CardBatch> {
  const batch = await CardBatch.findByPk(id, { lock: transaction.LOCK.UPDATE, transaction });
  if (!batch) throw refusal("cards/batch-not-found", "There is no such batch.");
  return batch;
}

function tellWorkflow(
  { id: batchId, prefix, count }: CardBatch,
  { actor, requestId = "" }: Origin,
  transaction: Transaction,
): Promise<void> {
  return enqueue(
    {
      id: newId(),
      workflow: "cardBatch",
      workflowId: workflowId("card-batch", batchId),
      input: { batchId },
      command: null,
      summary: `Make ${count} cards ${prefix}`,
      kind: "card-batch",
      subject: batchId,
      headers: { actorName: actor?.name ?? "longhaul", requestId },
    },
    transaction,
  );
}

function audit(
  what: "ordered" | "changed" | "resumed",
  { id }: CardBatch,
  origin: Origin,
  transaction: Transaction,
  changed: Pick<Audit, "before" | "after">,
): Promise<void> {
  const { actor, address, requestId } = origin;
  const subject = { subjectKind: "card-batch", subjectId: id, action: `cards.batch-${what}` };
  return recordAudit(
    { actor, ...(address && { address }), ...(requestId && { requestId }), ...subject, ...changed },
    transaction,
  );
}
