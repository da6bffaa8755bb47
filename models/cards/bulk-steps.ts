import { type InferAttributes, Op, type Transaction, type WhereOptions } from "sequelize";
import type { CardState } from "../../domain/cards.ts";
import { type BulkOrder, changeInBulk, reasonOf } from "../../domain/cards/bulk.ts";
import { type Database, inTransaction } from "../database.ts";
import { CardBulk, CardBulkResult } from "./bulk-tables.ts";
import { auditBulk, filtersOf } from "./bulks.ts";
import { becoming, newsFor } from "./changes.ts";
import { type CardCounts, countCards } from "./counts.ts";
import { tellBulk } from "./tasks.ts";
import { tellCards } from "./events.ts";
import { MOST_AT_ONCE } from "./expiry.ts";
import { conditionOf, idsAfter } from "./lists.ts";
import { Card, CardMachine, CardPolicy } from "./tables.ts";
import { type Due, tellWheel } from "./timers.ts";

/**
 * Does for the next cards of a bulk what was ordered, or undoes it: all of them or none, at most so many as are changed
 * in one transaction. Answers the bulk as it stands then; undefined when there is nothing to do. The bulk's own row lets
 * one in after the other, so that two who carry the same bulk on do nothing twice.
 */
export async function stepBulk(database: Database, bulkId: string): Promise<CardBulk | undefined> {
  return inTransaction(database, async (transaction) => {
    const where = { id: bulkId, state: ["running" as const, "undoing" as const] };
    const bulk = await CardBulk.findOne({ where, lock: transaction.LOCK.UPDATE, transaction });
    if (!bulk) return undefined;
    await (bulk.state === "running" ? doMore(bulk, transaction) : undoMore(bulk, transaction));
    return bulk;
  });
}

/** The verbs as what has happened. */
const PAST = {
  extend: "card.extended",
  suspend: "card.suspended",
  reinstate: "card.reinstated",
  ban: "card.banned",
  unbind: "card.unbound",
  delete: "card.deleted",
  restore: "card.restored",
  note: "card.changed",
} as const;

/** What of its row a card becomes. */
type Becoming = Partial<InferAttributes<Card>>;

type OtherMachine = Pick<CardMachine, "slot" | "machineCode" | "machineParts">;

/** A card that is held, and what becomes of it; `news` is for the wheel of its shard. */
interface Moved {
  card: Card;
  next: Becoming;
  news: Due | undefined;
  /** Its machines beside the first, where they come or go. */
  others?: OtherMachine[] | undefined;
}

async function doMore(bulk: CardBulk, transaction: Transaction): Promise<void> {
  const filters = filtersOf(bulk);
  const ids = await idsAfter(filters, bulk.reached, MOST_AT_ONCE, transaction);
  const cards = await holdCards(ids, conditionOf(filters), transaction);
  const judged = await judge(cards, bulk.order, transaction);
  const moved = judged.filter((one) => "next" in one);
  await move(moved, PAST[bulk.order.verb], transaction);
  if (bulk.order.verb === "unbind") {
    const bound = moved.map(({ card }) => card.id);
    await CardMachine.destroy({ where: { cardId: bound }, transaction });
  }
  await CardBulkResult.bulkCreate(
    judged.map((one) => ({ bulkId: bulk.id, cardId: one.card.id, ...resultOf(one) })),
    { transaction },
  );
  await countMoved(moved, transaction);
  const isOver = ids.length < MOST_AT_ONCE;
  await bulk.update(
    {
      done: bulk.done + moved.length,
      refused: bulk.refused + judged.length - moved.length,
      reached: ids.at(-1) ?? bulk.reached,
      ...(isOver && { state: "completed", completedAt: new Date() }),
    },
    { transaction },
  );
  if (isOver) await end(bulk, "completed", transaction);
}

/** The cards that still meet the condition, each the transaction's alone. */
function holdCards(
  ids: string[],
  condition: WhereOptions,
  transaction: Transaction,
): Promise<Card[]> {
  const where = { [Op.and]: [condition, { id: ids }] };
  const lock = transaction.LOCK.UPDATE;
  return Card.findAll({ where, order: [["id", "ASC"]], lock, transaction });
}

/** What an order makes of each card, or why it is refused. */
async function judge(
  cards: Card[],
  order: BulkOrder,
  transaction: Transaction,
): Promise<(Moved | { card: Card; reason: string })[]> {
  const policies = await CardPolicy.findAll({
    where: { id: [...new Set(cards.flatMap(({ policyId }) => policyId ?? []))] },
    transaction,
  });
  const policyOf = new Map(policies.map((policy) => [policy.id, policy]));
  const machines = order.verb === "unbind" ? await machinesOf(cards, transaction) : undefined;
  const now = new Date();
  return cards.map((card) => {
    const policy = card.policyId === null ? undefined : policyOf.get(card.policyId);
    const { noticeSeconds = null, suspendedClock = "runs" } = policy ?? {};
    try {
      const change = changeInBulk(card, order, suspendedClock, now);
      const terms = { noticeSeconds, timer: "wheel" as const, now };
      const moved = timed(card, nextOf(card, order, becoming(card, change, terms), now));
      return { ...moved, others: machines?.get(card.id) };
    } catch (error) {
      return { card, reason: reasonOf(error) };
    }
  });
}

function nextOf(card: Card, order: BulkOrder, next: Becoming, now: Date): Becoming {
  switch (order.verb) {
    case "unbind":
      return { machineCode: null, machineParts: null, machines: 0 };
    case "note":
      return { note: order.note };
    case "delete":
      return {
        deletedAt: now,
        noticeAt: null,
        dueAt: null,
        // Its run finds out when it wakes, and is over.
        ...(card.timer === "wheel" && { timer: null }),
      };
    case "restore":
      return { ...next, deletedAt: null };
    case "extend":
    case "suspend":
    case "reinstate":
    case "ban":
      return next;
  }
}

/**
 * With the timer that goes with it. What must be told of many cards is told to their wheels, once for each shard: to wake
 * every run by itself would keep all other messages waiting. A run that its card has no need of any more only looks.
 */
function timed(card: Card, { timer, ...next }: Becoming): Moved {
  const { dueAt } = next;
  if (!dueAt) return { card, next: { ...next, ...(timer === null && { timer }) }, news: undefined };
  const told = newsFor(card, { dueAt, timer: card.timer ?? "wheel" });
  if (!told) return { card, next, news: undefined };
  return { card, next: { ...next, timer: "wheel" }, news: { ...told, timer: "wheel" } };
}

async function machinesOf(cards: Card[], transaction: Transaction) {
  const where = { cardId: cards.map(({ id }) => id) };
  const rows = await CardMachine.findAll({ where, order: [["slot", "ASC"]], transaction });
  const machines = new Map<string, OtherMachine[]>();
  for (const { cardId, slot, machineCode, machineParts } of rows) {
    const others = machines.get(cardId) ?? [];
    machines.set(cardId, [...others, { slot, machineCode, machineParts }]);
  }
  return machines;
}

function resultOf(one: Moved | { card: Card; reason: string }) {
  if ("reason" in one) return { outcome: "refused" as const, reason: one.reason };
  const { card, next, others } = one;
  const before = Object.fromEntries(
    Object.keys(next).map((name) => [name, card.get(name as keyof Becoming)]),
  );
  return {
    outcome: "changed" as const,
    before: { ...before, ...(others && { others }) },
    after: next as Record<string, unknown>,
  };
}

async function undoMore(bulk: CardBulk, transaction: Transaction): Promise<void> {
  const results = await CardBulkResult.findAll({
    where: { bulkId: bulk.id, outcome: "changed", cardId: { [Op.gt]: bulk.reached ?? "" } },
    order: [["cardId", "ASC"]],
    limit: MOST_AT_ONCE,
    transaction,
  });
  const ids = results.map(({ cardId }) => cardId);
  const held = await holdCards(ids, {}, transaction);
  const cards = new Map(held.map((card) => [card.id, card]));
  const judged = results.map((result) => undoingOf(result, cards.get(result.cardId)));
  const moved = judged.filter((one) => typeof one !== "string");
  await move(moved, "card.changed", transaction);
  await CardMachine.bulkCreate(
    moved.flatMap(({ card, others = [] }) => others.map((one) => ({ ...one, cardId: card.id }))),
    { transaction },
  );
  const undone = moved.map(({ card }) => card.id);
  const about = (cardIds: string[]) => ({
    where: { bulkId: bulk.id, cardId: cardIds },
    transaction,
  });
  await CardBulkResult.update({ outcome: "undone" }, about(undone));
  for (const reason of new Set(judged.filter((one) => typeof one === "string"))) {
    const kept = ids.filter((_, place) => judged[place] === reason);
    await CardBulkResult.update({ outcome: "kept", reason }, about(kept));
  }
  await countMoved(moved, transaction);
  const isOver = ids.length < MOST_AT_ONCE;
  await bulk.update(
    {
      undone: bulk.undone + undone.length,
      kept: bulk.kept + ids.length - undone.length,
      reached: ids.at(-1) ?? bulk.reached,
      ...(isOver && { state: "undone" }),
    },
    { transaction },
  );
  if (isOver) await end(bulk, "undone", transaction);
}

async function end(
  bulk: CardBulk,
  how: "completed" | "undone",
  transaction: Transaction,
): Promise<void> {
  await tellBulk(bulk.id, transaction);
  await auditBulk(how, bulk, transaction);
}

/** What comes of a card by taking back what was made of it; why it is not, when it is not as it was left. */
function undoingOf({ before, after }: CardBulkResult, card: Card | undefined): Moved | string {
  if (!card) return "It is gone.";
  const left = { deletedAt: null, ...after };
  const isAsLeft = Object.entries(left).every(
    ([name, value]) =>
      TIMERS_OWN.has(name) ||
      JSON.stringify(card.get(name as keyof Becoming)) === JSON.stringify(value),
  );
  if (!isAsLeft) return "It has changed since.";
  const { others, ...was } = before as Record<string, unknown> & { others?: OtherMachine[] };
  const next = Object.fromEntries(
    Object.entries(was).map(([name, value]) => [
      name,
      MOMENTS.has(name) && value !== null ? new Date(value as string) : value,
    ]),
  );
  return { ...timed(card, next), others };
}

/** What timers write by themselves. */
const TIMERS_OWN: ReadonlySet<string> = new Set(["timer", "noticeAt", "dueAt"]);
const MOMENTS: ReadonlySet<string> = new Set(["expireAt", "noticeAt", "dueAt", "deletedAt"]);

/** Writes what becomes of these cards in one statement, and tells whom it concerns. */
async function move(
  moved: readonly Moved[],
  event: (typeof PAST)[keyof typeof PAST],
  transaction: Transaction,
): Promise<void> {
  if (moved.length === 0) return;
  const updatedAt = new Date();
  const rows = moved.map(({ card, next }) => ({ ...card.get(), ...next, updatedAt }));
  const names = new Set(moved.flatMap(({ next }) => Object.keys(next) as (keyof Becoming)[]));
  // Each row is there and held: this is an update of all of them, each to its own values.
  await Card.bulkCreate(rows, { updateOnDuplicate: [...names, "updatedAt"], transaction });
  const first = new Map<number, Date>();
  for (const { news } of moved) {
    if (!news) continue;
    const sooner = first.get(news.shard);
    if (!sooner || news.dueAt < sooner) first.set(news.shard, news.dueAt);
  }
  for (const [shard, dueAt] of [...first].sort(([one], [other]) => one - other)) {
    await tellWheel(shard, dueAt, transaction);
  }
  await tellCards(event, rows, transaction);
  const ended = moved.filter(
    ({ card, next }) => next.state === "expired" && next.state !== card.state,
  );
  const over = new Set(ended.map(({ card }) => card.id));
  await tellCards(
    "card.expired",
    rows.filter(({ id }) => over.has(id)),
    transaction,
  );
}

/** Counts each card as what it has become. */
async function countMoved(moved: readonly Moved[], transaction: Transaction): Promise<void> {
  const kindOf = ({ deletedAt, state }: { deletedAt: Date | null; state: CardState }) =>
    deletedAt ? ("deleted" as const) : state;
  const changes = new Map<string | null, Partial<CardCounts>>();
  for (const { card, next } of moved) {
    const change = changes.get(card.productId) ?? {};
    const [from, to] = [kindOf(card), kindOf({ ...card.get(), ...next })];
    change[from] = (change[from] ?? 0) - 1;
    change[to] = (change[to] ?? 0) + 1;
    changes.set(card.productId, change);
  }
  const inOrder = [...changes].sort(([one], [other]) => ((one ?? "") < (other ?? "") ? -1 : 1));
  for (const [productId, change] of inOrder) {
    await countCards(productId, change, moved[0]!.card.shard, transaction);
  }
}
