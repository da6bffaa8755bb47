import type { Transaction } from "sequelize";
import type { CardTimer } from "../../domain/cards.ts";
import type { Change } from "../../domain/cards/verbs.ts";
import { countCards } from "./counts.ts";
import type { Card } from "./tables.ts";
import { clockOf, tellTimer } from "./timers.ts";

/** What the change of a card needs to know beside it. */
export interface ChangeTerms {
  /** The policy's. */
  noticeSeconds: number | null;
  /** What looks after a card whose clock begins to run. */
  timer: CardTimer;
  now: Date;
}

/**
 * Writes what a card has become, its clock and its timer. The row is held by the transaction. The counts are left to
 * `countChange`, which comes last.
 */
export async function writeChange(
  card: Card,
  change: Change,
  { noticeSeconds, timer: next, now }: ChangeTerms,
  transaction: Transaction,
): Promise<void> {
  const runs = change.state === "unused" || change.state === "active";
  const { noticeAt, dueAt } = clockOf(runs ? change.expireAt : null, noticeSeconds, now);
  // What a term began with cards that nobody uses belongs to the wheel.
  const timer = card.timer ?? (change.state === "unused" ? "wheel" : next);
  const { timer: before, dueAt: wasDueAt } = card;
  await card.update({ ...change, noticeAt, dueAt, ...(dueAt && { timer }) }, { transaction });
  if (dueAt === null) return;
  const due = { id: card.id, shard: card.shard, timer, dueAt, codeTail: card.codeTail };
  // A run that sleeps for less long than it might wakes, looks and sleeps on.
  const isSooner = wasDueAt !== null && dueAt < wasDueAt;
  if (before === null || timer === "wheel" || isSooner) await tellTimer(due, transaction);
}

/** Counts a card as what it has become. */
export async function countChange(
  card: Card,
  before: Card["state"],
  transaction: Transaction,
): Promise<void> {
  if (before === card.state) return;
  const change = { [before]: -1, [card.state]: 1 };
  await countCards(card.productId, change, card.shard, transaction);
}
