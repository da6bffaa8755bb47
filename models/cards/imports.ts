import type { Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import type { ImportState } from "../../domain/cards.ts";
import { refusal } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { adoptStaged, type Audit, enqueue, recordAudit } from "../operations.ts";
import type { Origin } from "./batches.ts";
import { CardImport } from "./import-tables.ts";
import { tellImport } from "./tasks.ts";

/** Cards that somebody wants taken in; their lines are stored. */
export type NewImport = Pick<
  CardImport,
  | "id"
  | "objectKey"
  | "bytes"
  | "digest"
  | "dryRun"
  | "lines"
  | "prefix"
  | "policyId"
  | "productId"
  | "note"
  | "usualSeconds"
  | "accountId"
>;

/**
 * Writes down what is to be taken in; its workflow hears of it after the commit. The same id again answers what there
 * is, and refuses `operations/idempotency-mismatch` when that was something else.
 */
export async function orderImport(
  database: Database,
  order: NewImport,
  origin: Origin,
): Promise<CardImport> {
  const actorName = origin.actor?.name ?? "longhaul";
  try {
    return await inTransaction(database, async (transaction) => {
      await adoptStaged(order.objectKey, transaction);
      const row = await CardImport.create({ ...order, actorName }, { transaction });
      await tellWorkflow(row, origin, transaction);
      await tellImport(row, transaction);
      const { id: _, objectKey: __, digest: ___, ...after } = order;
      await audit("ordered", row, origin, transaction, after);
      return row.reload({ transaction });
    });
  } catch (error) {
    const earlier = isTaken(error) && (await CardImport.findByPk(order.id));
    if (!earlier) throw error;
    const { objectKey: _, bytes: __, ...said } = order;
    const isSame = Object.entries(said).every(
      ([name, value]) => earlier.get(name as "id") === value,
    );
    if (isSame) return earlier;
    throw refusal(
      "operations/idempotency-mismatch",
      "This Idempotency-Key was used for another import. Take a new one.",
    );
  }
}

/** Lets an import that failed go on from where it stands. */
export async function resumeImport(
  database: Database,
  importId: string,
  origin: Origin,
): Promise<CardImport> {
  return inTransaction(database, async (transaction) => {
    const lock = transaction.LOCK.UPDATE;
    const row = await CardImport.findByPk(importId, { lock, transaction, rejectOnEmpty: true });
    if (row.state !== "failed") {
      throw refusal(
        "cards/import-not-failed",
        `This import is ${row.state}: only a failed one is resumed.`,
      );
    }
    await row.update({ state: "importing", error: null }, { transaction });
    await tellWorkflow(row, origin, transaction);
    await tellImport(row, transaction);
    await audit("resumed", row, origin, transaction, { imported: row.imported });
    return row;
  });
}

/** An import that there is something to do for; undefined when there is nothing. */
export async function beginImport(
  database: Database,
  importId: string,
): Promise<CardImport | undefined> {
  const row = await inTransaction(database, async (transaction) => {
    const queued = { id: importId, state: "queued" as const };
    const change = { state: "importing" as const };
    const [begun] = await CardImport.update(change, { where: queued, transaction });
    const found = await CardImport.findByPk(importId, { transaction });
    if (begun === 1 && found) await tellImport(found, transaction);
    return found;
  });
  return row?.state === "importing" ? row : undefined;
}

/** Says why no more is taken in. */
export async function failImport(
  database: Database,
  importId: string,
  reason: string,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const underWay = { id: importId, state: ["queued", "importing"] as ImportState[] };
    const failed = { state: "failed" as const, error: reason.slice(0, 500) };
    const [isNews] = await CardImport.update(failed, { where: underWay, transaction });
    if (isNews !== 1) return;
    await tellImport(
      await CardImport.findByPk(importId, { transaction, rejectOnEmpty: true }),
      transaction,
    );
  });
}

/** Writes down what became of an import. */
export function auditImport(row: CardImport, transaction: Transaction): Promise<void> {
  const { accountId, actorName: name, dryRun, imported, duplicates, faulty } = row;
  const after = { dryRun, imported, duplicates, faulty };
  return audit("completed", row, { actor: { accountId, name } }, transaction, after);
}

function tellWorkflow(
  { id: importId, lines, dryRun }: CardImport,
  { actor, requestId = "" }: Origin,
  transaction: Transaction,
): Promise<void> {
  return enqueue(
    {
      id: newId(),
      workflow: "cardImport",
      workflowId: workflowId("card-import", importId),
      input: { importId },
      command: null,
      summary: `${dryRun ? "Look through" : "Take in"} ${lines} lines of cards`,
      kind: "card-import",
      subject: importId,
      headers: { actorName: actor?.name ?? "longhaul", requestId },
    },
    transaction,
  );
}

function audit(
  what: string,
  { id }: CardImport,
  { actor, address, requestId }: Pick<Audit, "actor"> & Partial<Origin>,
  transaction: Transaction,
  after: object,
): Promise<void> {
  const subject = { subjectKind: "card-import", subjectId: id, action: `cards.import-${what}` };
  return recordAudit(
    { actor, ...(address && { address }), ...(requestId && { requestId }), ...subject, after },
    transaction,
  );
}
