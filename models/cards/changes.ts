import type { Transaction } from "sequelize";
import type { CardTimer } from "../../domain/cards.ts";
import type { Change } from "../../domain/cards/verbs.ts";
import { countCards } from "./counts.ts";
import type { Card } from "./tables.ts";
import { type Clock, clockOf, type Due, tellTimer } from "./timers.ts";

/** What the change of a card needs to know beside it. */
export interface ChangeTerms {
  /** The policy's. */
  noticeSeconds: number | null;
  /** What looks after a card whose clock begins to run. */
  timer: CardTimer;
  now: Date;
}

/** What the row of a card becomes. */
export type Becoming = Change & Clock & Partial<Pick<Card, "timer">>;

/** What a change makes of a card's row: the change, with the clock and the timer that go with it. */
export function becoming(
  card: Card,
  change: Change,
  { noticeSeconds, timer: next, now }: ChangeTerms,
): Becoming {
  const runs = change.state === "unused" || change.state === "active";
  const { noticeAt, dueAt } = clockOf(runs ? change.expireAt : null, noticeSeconds, now);
  // What a term began with cards that nobody uses belongs to the wheel.
  const timer = card.timer ?? (change.state === "unused" ? "wheel" : next);
  return { ...change, noticeAt, dueAt, ...(dueAt && { timer }) };
}

/** What the timer of a card must hear of when its row becomes this; undefined when there is nothing new for it. */
export function newsFor(
  { id, shard, codeTail, timer: before, dueAt: wasDueAt }: Card,
  { dueAt, timer = before }: Pick<Becoming, "dueAt" | "timer">,
): Due | undefined {
  if (dueAt === null || timer === null) return undefined;
  // A run that sleeps for less long than it might wakes, looks and sleeps on.
  const isSooner = wasDueAt !== null && dueAt < wasDueAt;
  const isNews = before !== timer || timer === "wheel" || isSooner;
  return isNews ? { id, shard, timer, dueAt, codeTail } : undefined;
}

/**
 * Writes what a card has become, its clock and its timer. The row is held by the transaction. The counts are left to
 * `countChange`, which comes last.
 */
export async function writeChange(
  card: Card,
  change: Change,
  terms: ChangeTerms,
  transaction: Transaction,
): Promise<void> {
  const next = becoming(card, change, terms);
  const news = newsFor(card, next);
  await card.update(next, { transaction });
  if (news) await tellTimer(news, transaction);
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
