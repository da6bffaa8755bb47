import type { CardState } from "../cards.ts";
import { refusal } from "../errors.ts";

/** What is known of a card when somebody shows it. */
export interface CardFacts {
  state: CardState;
  isFrozen: boolean;
  isRevoked: boolean;
  /** The slug of its product; null when it is for none. */
  product: string | null;
  expireAt: Date | null;
  /** How many machines it is bound to, and how many it may be. */
  machines: number;
  maxMachines: number;
  usesLeft: number | null;
}

/** Whether a card's time is over. The moment of its end is beyond it. */
function isOver({ expireAt }: Pick<CardFacts, "expireAt">, now: Date): boolean {
  return expireAt !== null && expireAt.getTime() <= now.getTime();
}

/** Refuses a card that is good for nobody now, in the order of the contract. `product` is what it is shown for, if that is said. */
export function assertGood(card: CardFacts, product: string | undefined, now: Date): void {
  if (card.state === "banned" || card.isRevoked) throw refusal("cards/banned", "卡密已封禁");
  if (card.state === "suspended" || card.isFrozen) throw refusal("cards/suspended", "卡密已停用");
  if (card.state === "expired" || isOver(card, now)) throw refusal("cards/expired", "卡密已过期");
  if (product !== undefined && card.product !== null && card.product !== product) {
    throw refusal("cards/product-mismatch", "产品不匹配");
  }
}

/** Refuses a machine that a card is not bound to when there is no room for it. */
export function assertRoom({ machines, maxMachines }: CardFacts): void {
  if (machines < maxMachines) return;
  if (maxMachines > 1) throw refusal("cards/too-many-machines", "机器数量已达上限");
  throw refusal("cards/machine-mismatch", "机器码不匹配");
}

/** Refuses a card that has been used as often as it may be. */
export function assertUses({ usesLeft }: Pick<CardFacts, "usesLeft">): void {
  if (usesLeft !== null && usesLeft <= 0) throw refusal("cards/count-exhausted", "次数已用完");
}

/** A machine as a client names it: by a code, and, where a policy allows parts to change, by its parts. */
export interface Machine {
  machineCode: string;
  machineParts: string[] | null;
}

/** Whether two names are the same machine's: the same code, or at least `required` equal parts in the same places. */
export function isSameMachine(bound: Machine, shown: Machine, required: number | null): boolean {
  if (bound.machineCode === shown.machineCode) return true;
  const [before, now] = [bound.machineParts ?? [], shown.machineParts ?? []];
  if (required === null || required < 1) return false;
  const equal = before.filter((part, place) => part !== "" && part === now[place]);
  return equal.length >= required;
}

/** What a card is now, whatever its row still says. */
export function stateNow(card: CardFacts, now: Date): CardState {
  if (card.isRevoked) return "banned";
  if (card.isFrozen && card.state !== "banned") return "suspended";
  const isRunning = card.state === "unused" || card.state === "active";
  return isRunning && isOver(card, now) ? "expired" : card.state;
}

const HOUR_MS = 3_600_000;

/** The contract's hours that are left, with two digits behind the point; null when there is no end. */
export function remainingHours(expireAt: Date | null, now: Date): number | null {
  if (expireAt === null) return null;
  return Math.round(Math.max(0, expireAt.getTime() - now.getTime()) / (HOUR_MS / 100)) / 100;
}
