import type { CardState, SuspendedClock } from "../cards.ts";
import { refusal } from "../errors.ts";

/** What those who sell a card may order of it. */
export type CardOrder = { verb: "extend"; ms: number } | { verb: "suspend" | "reinstate" | "ban" };

/** Where a card stands, with its time: its end while its clock runs, or what is left while it stands still. */
export interface Standing {
  state: CardState;
  usedAt: Date | null;
  expireAt: Date | null;
  remainingMs: number | null;
}

/** What a change makes of it. */
export type Change = Omit<Standing, "usedAt">;

/** What an order makes of a card that stands so. Refuses what cannot be, and says why. Changes nothing. */
export function changeBy(
  card: Standing,
  order: CardOrder,
  clock: SuspendedClock,
  now: Date,
): Change {
  switch (order.verb) {
    case "extend":
      return extended(card, order.ms, now);
    case "suspend":
      return suspended(card, clock, now);
    case "reinstate":
      return reinstated(card, now);
    case "ban":
      if (card.state === "banned") throw unfit("It is banned already.");
      return { state: "banned", expireAt: card.expireAt, remainingMs: card.remainingMs };
  }
}

/** Time that is over counts from now on: who pays for an hour has an hour. */
function extended(card: Standing, ms: number, now: Date): Change {
  const { state, usedAt, expireAt, remainingMs } = card;
  if (state === "banned") throw unfit("It is banned for good.");
  if (remainingMs !== null) return { state, expireAt, remainingMs: remainingMs + ms };
  if (expireAt === null) throw unfit("It has no end: its time has not begun, or never ends.");
  const isOver = expireAt <= now;
  const end = new Date(Math.max(expireAt.getTime(), now.getTime()) + ms);
  const revived = isOver && state === "expired" ? lively(usedAt) : state;
  return { state: revived, expireAt: end, remainingMs };
}

function suspended({ state, expireAt }: Standing, clock: SuspendedClock, now: Date): Change {
  if (state !== "unused" && state !== "active") throw unfit(`It is ${state}.`);
  if (expireAt && expireAt <= now) throw unfit("Its time is over.");
  const leftMs = expireAt && clock === "stops" ? expireAt.getTime() - now.getTime() : null;
  return { state: "suspended", expireAt: leftMs === null ? expireAt : null, remainingMs: leftMs };
}

function reinstated({ state, usedAt, expireAt, remainingMs }: Standing, now: Date): Change {
  if (state !== "suspended") throw unfit("It is not suspended.");
  const end = remainingMs === null ? expireAt : new Date(now.getTime() + remainingMs);
  const isOver = end !== null && end <= now;
  return { state: isOver ? "expired" : lively(usedAt), expireAt: end, remainingMs: null };
}

function lively(usedAt: Date | null): CardState {
  return usedAt ? "active" : "unused";
}

/** What begins each refusal of an order, before the reason. */
export const UNFIT = "This cannot be done with this card.";

/** The refusal of an order that a card cannot have. */
export function unfit(reason: string): Error {
  return refusal("cards/unfit-state", `${UNFIT} ${reason}`);
}

/** Takes time from a card, all that is left when not said how much. Refuses more than there is. */
export function takenFrom(
  card: Standing,
  ms: number | undefined,
  now: Date,
): { ms: number; change: Change } {
  const { state, expireAt, remainingMs } = card;
  const leftMs = remainingMs ?? (expireAt && expireAt.getTime() - now.getTime());
  if (state === "banned" || leftMs === null || leftMs <= 0) throw unfit("It has no time to give.");
  const taken = ms ?? leftMs;
  if (taken > leftMs) throw unfit(`It has ${Math.floor(leftMs / 1000)} seconds left.`);
  if (remainingMs !== null) {
    return { ms: taken, change: { state, expireAt, remainingMs: remainingMs - taken } };
  }
  const isOver = taken === leftMs && state !== "suspended";
  const end = new Date(expireAt!.getTime() - taken);
  return { ms: taken, change: { state: isOver ? "expired" : state, expireAt: end, remainingMs } };
}
