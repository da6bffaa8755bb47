import { Op, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import type { CardTimer } from "../../domain/cards.ts";
import { workflowId } from "../../domain/ids.ts";
import { secondsAfter } from "../columns.ts";
import type { Database } from "../database.ts";
import { enqueue } from "../operations.ts";
import { type Card, CardWheel } from "./tables.ts";

/** What is to look after the next card: a workflow of its own while there are at most so many active cards. */
export async function chooseTimer(database: Database, mostRuns: number): Promise<CardTimer> {
  const [row] = await database.ask<{ active: number | string | null }>(
    "SELECT SUM(active) AS active FROM card_counts",
    [],
  );
  return Number(row?.active ?? 0) < mostRuns ? "run" : "wheel";
}

/** A card's clock: its end, and what is due before. */
export type Clock = Pick<Card, "expireAt" | "noticeAt" | "dueAt">;

/** When a clock that ends at `expireAt` has something to say. A notice whose time has passed is not given. */
export function clockOf(expireAt: Date | null, noticeSeconds: number | null, now: Date): Clock {
  const notice = expireAt && noticeSeconds !== null ? secondsAfter(expireAt, -noticeSeconds) : null;
  const noticeAt = notice && notice > now ? notice : null;
  return { expireAt, noticeAt, dueAt: noticeAt ?? expireAt };
}

/** A card for which something is due. */
export interface Due {
  id: string;
  shard: number;
  timer: CardTimer;
  dueAt: Date;
  codeTail: string;
}

/** Sees to it that somebody looks after a card when it is due; call it after the card's own row was written. */
export async function beginTimer(due: Due, transaction: Transaction): Promise<void> {
  if (due.timer === "wheel") return tellWheel(due.shard, due.dueAt, transaction);
  await enqueue({ ...runOf(due), command: null, startAt: due.dueAt }, transaction);
}

/** Tells what looks after a card when its time comes now; what is not there begins. */
export async function tellTimer(due: Due, transaction: Transaction): Promise<void> {
  if (due.timer === "wheel") return tellWheel(due.shard, due.dueAt, transaction);
  const run = runOf(due);
  const command = { update: "look", id: run.id, argument: null };
  await enqueue({ ...run, command }, transaction);
}

/**
 * Tells the wheel of a shard that something is due at `dueAt`, unless it is awake by then. Who writes the wheel's row and
 * who turns it take turns, so that one of them has seen the other's.
 */
export async function tellWheel(
  shard: number,
  dueAt: Date,
  transaction: Transaction,
): Promise<void> {
  const later = { [Op.or]: [{ wakesAt: null }, { wakesAt: { [Op.gt]: dueAt } }] };
  const where = { shard: String(shard), ...later };
  const [told] = await CardWheel.update({ wakesAt: dueAt }, { where, transaction });
  if (told === 0) return;
  const id = newId();
  await enqueue(
    {
      id,
      workflow: "cardWheel",
      workflowId: workflowId("card-wheel", String(shard)),
      input: { shard },
      command: { update: "turn", id, argument: { dueAt: dueAt.getTime() } },
      summary: `End cards of shard ${shard} when their time has come`,
      kind: "card-wheel",
      subject: String(shard),
      headers: {},
    },
    transaction,
  );
}

function runOf({ id: cardId, codeTail }: Pick<Due, "id" | "codeTail">) {
  return {
    id: newId(),
    workflow: "cardEnd",
    workflowId: workflowId("card", cardId),
    input: { cardId },
    summary: `End the card …${codeTail} when its time has come`,
    kind: "card",
    subject: cardId,
    headers: {},
  };
}
