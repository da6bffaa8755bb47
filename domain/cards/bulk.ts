import type { CardState, SuspendedClock } from "../cards.ts";
import { refusalIn } from "../errors.ts";
import { type CardOrder, type Change, changeBy, type Standing, UNFIT, unfit } from "./verbs.ts";

/** What may be ordered of many cards at once. */
export const BULK_VERBS = [
  "extend",
  "suspend",
  "reinstate",
  "ban",
  "unbind",
  "delete",
  "restore",
  "note",
] as const;
export type BulkOrder =
  | CardOrder
  | { verb: "unbind" | "delete" | "restore" }
  | { verb: "note"; note: string | null };

/** Where a card stands that is one of many. */
export interface BulkStanding extends Standing {
  machines: number;
}

/** What an order makes of a card's state and time. Refuses what cannot be, and says why. Changes nothing. */
export function changeInBulk(
  card: BulkStanding,
  order: BulkOrder,
  clock: SuspendedClock,
  now: Date,
): Change {
  const { state, expireAt, remainingMs } = card;
  switch (order.verb) {
    case "unbind":
      if (card.machines === 0) throw unfit("It is bound to no machine.");
      return { state, expireAt, remainingMs };
    case "note":
    case "delete":
      return { state, expireAt, remainingMs };
    case "restore":
      return timeGoneBy(card, now);
    case "extend":
    case "suspend":
    case "reinstate":
    case "ban":
      return changeBy(card, order, clock, now);
  }
}

/** What a card that was out of sight is now: its time went by. */
export function timeGoneBy({ state, expireAt, remainingMs }: Change, now: Date): Change {
  const isRunning = state === "unused" || state === "active";
  const isOver = isRunning && expireAt !== null && expireAt <= now;
  return { state: isOver ? "expired" : state, expireAt, remainingMs };
}

/** Why a card was refused, in a sentence. What is no refusal of a card is thrown again. */
export function reasonOf(error: unknown): string {
  const said = refusalIn(error);
  if (said?.code !== "cards/unfit-state") throw error;
  return said.message.replace(`${UNFIT} `, "");
}

/** Cards that stand alike, so that an order is granted to all of them or refused to all, and how many they are. */
export interface AlikeCards {
  state: CardState;
  isUsed: boolean;
  /** Whether their time has an end, and whether that is over. */
  end: "none" | "over" | "ahead";
  /** Whether their time stands still. */
  stands: boolean;
  isBound: boolean;
  count: number;
}

/** What an order would do: how many cards it would change, and how many it would be refused by, for which reasons. */
export interface BulkForecast {
  changed: number;
  refused: { reason: string; count: number }[];
}

/** What an order would do with all of these. */
export function forecast(groups: readonly AlikeCards[], order: BulkOrder, now: Date): BulkForecast {
  const refused = new Map<string, number>();
  let changed = 0;
  for (const { count, ...alike } of groups) {
    try {
      changeInBulk(exampleOf(alike, now), order, "runs", now);
      changed += count;
    } catch (error) {
      const reason = reasonOf(error);
      refused.set(reason, (refused.get(reason) ?? 0) + count);
    }
  }
  const reasons = [...refused].map(([reason, count]) => ({ reason, count }));
  return { changed, refused: reasons.toSorted((one, other) => other.count - one.count) };
}

const ENDS_MS = { over: -1, ahead: 1 };

function exampleOf(alike: Omit<AlikeCards, "count">, now: Date): BulkStanding {
  const { state, isUsed, end, stands, isBound } = alike;
  return {
    state,
    usedAt: isUsed ? now : null,
    expireAt: end === "none" ? null : new Date(now.getTime() + ENDS_MS[end]),
    remainingMs: stands ? 1 : null,
    machines: isBound ? 1 : 0,
  };
}

/** A forecast as a sentence: "9,812 will change, 188 refused because …". */
export function sayForecast({ changed, refused }: BulkForecast): string {
  const print = (count: number) => count.toLocaleString("en-US");
  const will = `${print(changed)} will change`;
  if (refused.length === 0) return `${will}, none refused.`;
  const total = refused.reduce((sum, { count }) => sum + count, 0);
  const reasons = refused.map(({ reason, count }) => `${reason} (${print(count)})`);
  return `${will}, ${print(total)} refused because: ${reasons.join(" ")}`;
}
