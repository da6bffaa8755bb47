import { literal, Op, type Transaction } from "sequelize";
import { CARD_SHARDS } from "../../domain/cards.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { countCards } from "./counts.ts";
import { tellCards } from "./events.ts";
import { Card, CardWheel } from "./tables.ts";
import { beginTimer, tellWheel } from "./timers.ts";

/** So many cards are ended in one statement. */
export const MOST_AT_ONCE = 500;

/**
 * Does for the cards of a shard what is due, at most so many of them: ends them, or tells that their end comes. Answers
 * how many there were. Nobody's access depends on it: that is decided by comparing each card's end with now.
 */
export async function endDueCards(
  database: Database,
  shard: number,
  now = new Date(),
): Promise<number> {
  return inTransaction(database, async (transaction) => {
    const due = await Card.findAll({
      attributes: DUE,
      where: { shard, dueAt: { [Op.lte]: now } },
      order: [["dueAt", "ASC"]],
      limit: MOST_AT_ONCE,
      lock: transaction.LOCK.UPDATE,
      transaction,
    });
    const over = due.filter(({ expireAt }) => expireAt !== null && expireAt <= now);
    await end(over, shard, transaction);
    await giveNotice(
      due.filter((card) => !over.includes(card)),
      transaction,
    );
    return due.length;
  });
}

const DUE: (keyof Card)[] = [
  "id",
  "prefix",
  "batchId",
  "productId",
  "state",
  "expireAt",
  "deletedAt",
];

async function end(cards: Card[], shard: number, transaction: Transaction): Promise<void> {
  if (cards.length === 0) return;
  const over = { state: "expired" as const, noticeAt: null, dueAt: null, timer: null };
  await Card.update(over, { where: { id: idsOf(cards) }, transaction });
  await tellCards("card.expired", cards, transaction);
  const counted = cards.filter(({ deletedAt }) => deletedAt === null);
  for (const productId of new Set(counted.map((card) => card.productId))) {
    const its = counted.filter((card) => card.productId === productId);
    const unused = its.filter(({ state }) => state === "unused").length;
    const change = { unused: -unused, active: unused - its.length, expired: its.length };
    await countCards(productId, change, shard, transaction);
  }
}

async function giveNotice(cards: Card[], transaction: Transaction): Promise<void> {
  if (cards.length === 0) return;
  const told = { noticeAt: null, dueAt: literal("expire_at") as unknown as Date };
  await Card.update(told, { where: { id: idsOf(cards) }, transaction });
  await tellCards("card.expiring", cards, transaction);
}

function idsOf(cards: Card[]): string[] {
  return cards.map(({ id }) => id);
}

/**
 * When something is due for a card; null when nothing is and nothing will be as it stands now: then its run ends, and
 * the row says that there is none.
 */
export async function lookAtCard(database: Database, cardId: string): Promise<Date | null> {
  const card = await Card.findByPk(cardId, { attributes: ["dueAt", "timer"] });
  if (card?.dueAt || card?.timer !== "run") return card?.dueAt ?? null;
  const [left] = await Card.update(
    { timer: null },
    { where: { id: cardId, timer: "run", dueAt: null } },
  );
  // Somebody has set the clock going meanwhile.
  return left === 1 ? null : lookAtCard(database, cardId);
}

/** Does what is due in the shard of a card, with it. */
export async function endCardsWith(database: Database, cardId: string): Promise<Date | null> {
  const card = await Card.findByPk(cardId, { attributes: ["shard"] });
  if (card) await endDueCards(database, card.shard);
  return lookAtCard(database, cardId);
}

/** Notes until when the wheel of a shard may sleep, and answers it: null when it has no card that will be due. */
export async function restWheel(database: Database, shard: number): Promise<Date | null> {
  return inTransaction(database, async (transaction) => {
    const where = { shard: String(shard) };
    await CardWheel.findOne({ where, lock: transaction.LOCK.UPDATE, transaction });
    const next = await Card.findOne({
      attributes: ["dueAt"],
      where: { shard, timer: "wheel", dueAt: { [Op.ne]: null } },
      order: [["dueAt", "ASC"]],
      transaction,
    });
    const wakesAt = next?.dueAt ?? null;
    await CardWheel.update({ wakesAt }, { where, transaction });
    return wakesAt;
  });
}

/** What the hourly look at all timers did. */
export interface Mended {
  /** Cards that were overdue: their timers were late, or lost. */
  ended: number;
  /** Cards that had no timer and have one now. */
  begun: number;
}

/** Ends what is overdue by more than `graceSeconds`, and gives cards a timer that have none, or may have lost it. */
export async function mendTimers(database: Database, graceSeconds: number): Promise<Mended> {
  const mended: Mended = { ended: 0, begun: 0 };
  for (let shard = 0; shard < CARD_SHARDS; shard++) {
    for (let ended = MOST_AT_ONCE; ended === MOST_AT_ONCE; mended.ended += ended) {
      ended = await endDueCards(database, shard, secondsAfter(new Date(), -graceSeconds));
    }
    mended.begun += await giveWheels(database, shard);
    await wakeWheel(database, shard);
  }
  await beginRunsAgain(database);
  return mended;
}

async function giveWheels(database: Database, shard: number): Promise<number> {
  return inTransaction(database, async (transaction) => {
    const where = { shard, timer: null, dueAt: { [Op.ne]: null } };
    const [given] = await Card.update({ timer: "wheel" }, { where, transaction });
    return given;
  });
}

/** A wheel that is there and hears of it once more looks, and sleeps on. */
async function wakeWheel(database: Database, shard: number): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const next = await Card.findOne({
      attributes: ["dueAt"],
      where: { shard, timer: "wheel", dueAt: { [Op.ne]: null } },
      order: [["dueAt", "ASC"]],
      transaction,
    });
    if (!next?.dueAt) return;
    await CardWheel.update({ wakesAt: null }, { where: { shard: String(shard) }, transaction });
    await tellWheel(shard, next.dueAt, transaction);
  });
}

/** Until the next look: so long ahead runs are asked for again, of which there is nearly always one. */
const AHEAD_SECONDS = 3_900;
const MOST_RUNS = 5_000;

async function beginRunsAgain(database: Database): Promise<void> {
  const dueAt = { [Op.lte]: secondsAfter(new Date(), AHEAD_SECONDS) };
  const cards = await Card.findAll({
    attributes: ["id", "shard", "dueAt", "codeTail"],
    where: { timer: "run", shard: [...Array(CARD_SHARDS).keys()], dueAt },
    order: [["dueAt", "ASC"]],
    limit: MOST_RUNS,
  });
  for (let from = 0; from < cards.length; from += MOST_AT_ONCE) {
    await inTransaction(database, async (transaction) => {
      for (const { id, shard, dueAt: due, codeTail } of cards.slice(from, from + MOST_AT_ONCE)) {
        await beginTimer({ id, shard, timer: "run", dueAt: due!, codeTail }, transaction);
      }
    });
  }
}
