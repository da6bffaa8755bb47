import type { Fen } from "./money.ts";

/**
 * Where money lies. `free` and `held` are a person's; the others are the platform's side of what came and went, below
 * zero where more was given out than taken in. Together they are always nothing.
 */
export const BOOKS = ["free", "held", "payments", "grants", "adjustments", "revenue"] as const;
export type Book = (typeof BOOKS)[number];

/** What can happen to money. */
export const ENTRY_KINDS = [
  "recharge",
  "grant",
  "adjustment",
  "hold",
  "release",
  "capture",
  "refund",
] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** What clients are told of; a hold is none, for the money is still the person's. */
export const TRANSACTION_TYPES = ["recharge", "consume", "refund", "adjustment"] as const;
export type TransactionType = (typeof TRANSACTION_TYPES)[number];

const TYPES: Readonly<Record<EntryKind, TransactionType | undefined>> = {
  recharge: "recharge",
  grant: "recharge",
  adjustment: "adjustment",
  hold: undefined,
  release: undefined,
  capture: "consume",
  refund: "refund",
};

/** What a transaction is called; undefined for what is none. */
export function transactionType(kind: EntryKind): TransactionType | undefined {
  return TYPES[kind];
}

/** `captured` has been charged for, `released` never was, `abandoned` ran out before anybody said what it was for. */
export const HOLD_STATES = ["open", "captured", "released", "abandoned"] as const;
export type HoldState = (typeof HOLD_STATES)[number];

/** What was done for an abandoned hold may still be charged. */
export const HOLD_MOVES: Readonly<Record<HoldState, readonly HoldState[]>> = {
  open: ["captured", "released", "abandoned"],
  captured: [],
  released: [],
  abandoned: ["captured"],
};

/** `expired` was not paid while it could be. */
export const RECHARGE_STATES = ["pending", "paid", "rejected", "expired"] as const;
export type RechargeState = (typeof RECHARGE_STATES)[number];

/** Money that a provider has taken counts, whatever was said before. */
export const RECHARGE_MOVES: Readonly<Record<RechargeState, readonly RechargeState[]>> = {
  pending: ["paid", "rejected", "expired"],
  paid: [],
  rejected: ["paid"],
  expired: ["paid"],
};

/** How money comes in: an administrator has seen it, a provider has, or nobody is asked (RECHARGE_DIRECT). */
export const RECHARGE_METHODS = ["manual", "alipay", "direct"] as const;
export type RechargeMethod = (typeof RECHARGE_METHODS)[number];

/**
 * The pauses before each look at a payment whose provider may have told us of it in vain. The last look is when it can
 * no longer be paid.
 */
export const PAYMENT_LOOKS_SECONDS = [60, 180, 600, 1020] as const;

export const SHORTFALL_STATES = ["open", "settled"] as const;
export type ShortfallState = (typeof SHORTFALL_STATES)[number];
export const SHORTFALL_MOVES: Readonly<Record<ShortfallState, readonly ShortfallState[]>> = {
  open: ["settled"],
  settled: [],
};

/** What is charged for. A part that is not there was not used at all, and has no minimum. */
export interface Usage {
  frames?: number;
  bytesIn?: number;
  bytesOut?: number;
}

/** What things cost; a million micro-yuan are one yuan. At least the minimum is charged of what was used. */
export interface PriceTerms {
  microYuanPerFrame: number;
  microYuanPerGbIn: number;
  microYuanPerGbOut: number;
  minimumFrames: number;
  minimumBytesIn: number;
  minimumBytesOut: number;
}

/** The first version of the price book. */
export const FIRST_PRICES: PriceTerms = {
  microYuanPerFrame: 500_000,
  microYuanPerGbIn: 0,
  microYuanPerGbOut: 0,
  minimumFrames: 0,
  minimumBytesIn: 0,
  minimumBytesOut: 0,
};

/** A gigabyte of traffic has 1000 megabytes. */
const GB_BYTES = 1_000_000_000n;
const FEN_MICRO_YUAN = 10_000n;

/**
 * What this usage costs: estimates, holds and captures all come from here, so that all of them round up to the fen
 * once, and in the same way.
 */
export function chargeFor(usage: Usage, terms: PriceTerms): Fen {
  const part = (used: number | undefined, minimum: number, rate: number) =>
    used === undefined ? 0n : BigInt(Math.max(used, minimum)) * BigInt(rate);
  const frames = part(usage.frames, terms.minimumFrames, terms.microYuanPerFrame);
  const traffic =
    part(usage.bytesIn, terms.minimumBytesIn, terms.microYuanPerGbIn) +
    part(usage.bytesOut, terms.minimumBytesOut, terms.microYuanPerGbOut);
  const divisor = GB_BYTES * FEN_MICRO_YUAN;
  return Number((frames * GB_BYTES + traffic + divisor - 1n) / divisor);
}

/** Where a charge is taken from: first what is held for it, then what is free; the rest is missing. */
export function splitCharge(
  amountFen: Fen,
  { remainingFen, freeFen }: { remainingFen: Fen; freeFen: Fen },
): { heldFen: Fen; freeFen: Fen; missingFen: Fen } {
  const held = Math.min(amountFen, remainingFen);
  const free = Math.min(amountFen - held, freeFen);
  return { heldFen: held, freeFen: free, missingFen: amountFen - held - free };
}
