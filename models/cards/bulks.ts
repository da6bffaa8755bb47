import { col, fn, literal, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import type { BulkState } from "../../domain/cards.ts";
import type { AlikeCards, BulkOrder } from "../../domain/cards/bulk.ts";
import { refusal } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { type Audit, enqueue, recordAudit } from "../operations.ts";
import type { Origin } from "./batches.ts";
import { CardBulk } from "./bulk-tables.ts";
import { type CardFilters, conditionOf, countMatching } from "./lists.ts";
import { Card } from "./tables.ts";
import { tellBulk } from "./tasks.ts";

/** Something that somebody wants done with all cards that match. */
export interface NewBulk {
  id: string;
  order: BulkOrder;
  filters: CardFilters;
  /** The filters as they were asked for, without what must not be kept. */
  asked: object;
  reason: string | null;
  accountId: string;
}

/** Writes a value as the column has it: a moment to the millisecond. */
interface Escaper {
  escape(value: unknown, attribute: object): string;
}

/** The cards that match, as groups that stand alike. */
export async function groupAlike(filters: CardFilters, now: Date): Promise<AlikeCards[]> {
  const generator = Card.sequelize!.getQueryInterface().queryGenerator as Escaper;
  const moment = generator.escape(now, Card.getAttributes().expireAt);
  const end = `CASE WHEN expire_at IS NULL THEN 'none' WHEN expire_at <= ${moment} THEN 'over' ELSE 'ahead' END`;
  const rows = (await Card.findAll({
    attributes: [
      "state",
      [literal("used_at IS NOT NULL"), "isUsed"],
      [literal(end), "end"],
      [literal("remaining_ms IS NOT NULL"), "stands"],
      [literal("machines > 0"), "isBound"],
      [fn("COUNT", col("id")), "count"],
    ],
    where: conditionOf(filters),
    group: ["state", "isUsed", "end", "stands", "isBound"],
    raw: true,
  })) as unknown as Record<keyof AlikeCards, never>[];
  return rows.map((row) => ({
    state: row.state,
    isUsed: Boolean(row.isUsed),
    end: row.end,
    stands: Boolean(row.stands),
    isBound: Boolean(row.isBound),
    count: Number(row.count),
  }));
}

/**
 * Writes down what is ordered, for the cards that there are now; its workflow hears of it after the commit. The same id
 * again answers what there is, and refuses `operations/idempotency-mismatch` when that was another order.
 */
export async function orderBulk(
  database: Database,
  { filters, ...order }: NewBulk,
  origin: Origin,
): Promise<CardBulk> {
  // Cards that are made from now on are not meant.
  const now = secondsAfter(new Date(), 0.001);
  const meant = { ...filters, to: filters.to && filters.to < now ? filters.to : now };
  const total = await countMatching(meant);
  const actorName = origin.actor?.name ?? "longhaul";
  try {
    return await inTransaction(database, async (transaction) => {
      const row = { ...order, filters: meant, actorName, total };
      const bulk = await CardBulk.create(row, { transaction });
      await tellWorkflow(bulk, origin, transaction);
      await tellBulk(bulk.id, transaction);
      await audit("ordered", bulk, origin, transaction, { ...saidOf(bulk), cards: total });
      return bulk.reload({ transaction });
    });
  } catch (error) {
    const earlier = isTaken(error) && (await CardBulk.findByPk(order.id));
    if (!earlier) throw error;
    const { id: _, accountId: __, ...said } = order;
    const isSame = Object.entries(said).every(
      ([name, value]) => JSON.stringify(earlier.get(name as "order")) === JSON.stringify(value),
    );
    if (isSame) return earlier;
    throw refusal(
      "operations/idempotency-mismatch",
      "This Idempotency-Key was used for another order. Take a new one.",
    );
  }
}

/** Orders a bulk to be undone, as long as it is not over for more than `undoSeconds`. Twice is harmless. */
export async function undoBulk(
  database: Database,
  bulkId: string,
  undoSeconds: number,
  origin: Origin,
): Promise<CardBulk> {
  return inTransaction(database, async (transaction) => {
    const bulk = await lockBulk(bulkId, transaction);
    if (bulk.state === "undoing" || bulk.state === "undone") return bulk;
    const { completedAt } = bulk;
    if (completedAt && completedAt <= secondsAfter(new Date(), -undoSeconds)) {
      throw refusal(
        "cards/bulk-not-undoable",
        `This can be undone for ${undoSeconds} seconds, which are over.`,
      );
    }
    await bulk.update({ state: "undoing", reached: null, error: null }, { transaction });
    await tellWorkflow(bulk, origin, transaction);
    await tellBulk(bulkId, transaction);
    await audit("undo-ordered", bulk, origin, transaction, { changed: bulk.done });
    return bulk;
  });
}

/** Lets a bulk, or its undoing, that failed go on from where it stands. */
export async function resumeBulk(
  database: Database,
  bulkId: string,
  origin: Origin,
): Promise<CardBulk> {
  return inTransaction(database, async (transaction) => {
    const bulk = await lockBulk(bulkId, transaction);
    const before: BulkState = bulk.state;
    const state = RESUMED[before];
    if (!state) {
      throw refusal("cards/bulk-not-failed", `This is ${before}: only what has failed is resumed.`);
    }
    await bulk.update({ state, error: null, completedAt: null }, { transaction });
    await tellWorkflow(bulk, origin, transaction);
    await tellBulk(bulkId, transaction);
    await audit("resumed", bulk, origin, transaction, { state });
    return bulk;
  });
}

const RESUMED: Partial<Record<BulkState, BulkState>> = {
  failed: "running",
  undo_failed: "undoing",
};

/** A bulk that there is something to do for; undefined when there is nothing. */
export async function beginBulk(database: Database, bulkId: string): Promise<CardBulk | undefined> {
  await inTransaction(database, async (transaction) => {
    const queued = { id: bulkId, state: "queued" as const };
    const [begun] = await CardBulk.update({ state: "running" }, { where: queued, transaction });
    if (begun === 1) await tellBulk(bulkId, transaction);
  });
  const bulk = await CardBulk.findByPk(bulkId);
  return bulk?.state === "running" || bulk?.state === "undoing" ? bulk : undefined;
}

/** Says why no more is done for a bulk. */
export async function failBulk(database: Database, bulkId: string, reason: string): Promise<void> {
  const error = reason.slice(0, 500);
  await inTransaction(database, async (transaction) => {
    const failed = { state: "failed" as const, error, completedAt: new Date() };
    const doing = { id: bulkId, state: ["queued", "running"] as BulkState[] };
    const [notDone] = await CardBulk.update(failed, { where: doing, transaction });
    const undoing = { id: bulkId, state: "undoing" as const };
    const undoFailed = { state: "undo_failed" as const, error };
    const [notUndone] = await CardBulk.update(undoFailed, { where: undoing, transaction });
    if (notDone + notUndone > 0) await tellBulk(bulkId, transaction);
  });
}

/** Which cards a bulk is about. */
export function filtersOf({ filters }: CardBulk): CardFilters {
  const { from, to, ...rest } = filters as CardFilters;
  return { ...rest, from: from && new Date(from), to: to && new Date(to) };
}

/** Writes down what was done with how many cards: once, whatever their number. */
export function auditBulk(
  what: "completed" | "undone",
  bulk: CardBulk,
  transaction: Transaction,
): Promise<void> {
  const { accountId, actorName: name, done: changed, refused, undone, kept } = bulk;
  const after = { ...saidOf(bulk), changed, refused, ...(what === "undone" && { undone, kept }) };
  return audit(what, bulk, { actor: { accountId, name } }, transaction, after);
}

function saidOf({ order, asked, reason }: CardBulk) {
  return { ...order, filter: asked, ...(reason !== null && { reason }) };
}

async function lockBulk(id: string, transaction: Transaction): Promise<CardBulk> {
  const bulk = await CardBulk.findByPk(id, { lock: transaction.LOCK.UPDATE, transaction });
  if (!bulk) throw refusal("cards/bulk-not-found", "There is no such order.");
  return bulk;
}

function tellWorkflow(
  { id: bulkId, order, state, total }: CardBulk,
  { actor, requestId = "" }: Partial<Origin>,
  transaction: Transaction,
): Promise<void> {
  const isUndo = state === "undoing";
  return enqueue(
    {
      id: newId(),
      workflow: "cardBulk",
      workflowId: workflowId("card-bulk", bulkId, ...(isUndo ? ["undo"] : [])),
      input: { bulkId },
      command: null,
      summary: `${isUndo ? "Undo: " : ""}${order.verb} ${total} cards`,
      kind: "card-bulk",
      subject: bulkId,
      headers: { actorName: actor?.name ?? "longhaul", requestId },
    },
    transaction,
  );
}

function audit(
  what: string,
  { id }: CardBulk,
  origin: Pick<Audit, "actor"> & Partial<Origin>,
  transaction: Transaction,
  after: object,
): Promise<void> {
  const { actor, address, requestId } = origin;
  const subject = { subjectKind: "card-bulk", subjectId: id, action: `cards.bulk-${what}` };
  return recordAudit(
    { actor, ...(address && { address }), ...(requestId && { requestId }), ...subject, after },
    transaction,
  );
}
