/**
 * The life of a card. `unused` has not been seen by any machine; `active` belongs to one; `suspended` waits for somebody
 * to reinstate it; `expired` is over until somebody extends it; `banned` is over for good.
 */
export const CARD_STATES = ["unused", "active", "suspended", "expired", "banned"] as const;
export type CardState = (typeof CARD_STATES)[number];

/** An order that is taken back in time restores what was before, whatever stands here. */
export const CARD_MOVES: Readonly<Record<CardState, readonly CardState[]>> = {
  unused: ["active", "suspended", "expired", "banned"],
  active: ["suspended", "expired", "banned"],
  suspended: ["unused", "active", "expired", "banned"],
  expired: ["active", "banned"],
  banned: [],
};

/** What the contract's clients are told: what may not be used any more has expired. */
export const CARD_STATUSES = ["UNUSED", "ACTIVE", "EXPIRED"] as const;
export type CardStatus = (typeof CARD_STATUSES)[number];

const STATUSES: Readonly<Record<CardState, CardStatus>> = {
  unused: "UNUSED",
  active: "ACTIVE",
  suspended: "EXPIRED",
  expired: "EXPIRED",
  banned: "EXPIRED",
};

/** The contract's word for a state. */
export function statusOf(state: CardState): CardStatus {
  return STATUSES[state];
}

/** `queued` waits for its workflow; a batch that failed has the cards that it has, and may be ordered to go on. */
export const BATCH_STATES = ["queued", "generating", "completed", "failed"] as const;
export type BatchState = (typeof BATCH_STATES)[number];

export const BATCH_MOVES: Readonly<Record<BatchState, readonly BatchState[]>> = {
  queued: ["generating", "failed"],
  generating: ["completed", "failed"],
  completed: [],
  failed: ["generating"],
};

/**
 * `queued` waits for its workflow; what failed has done what it has, and may be ordered to go on, or be undone. Undoing
 * has a life of its own, which ends `undone`.
 */
export const BULK_STATES = [
  "queued",
  "running",
  "completed",
  "failed",
  "undoing",
  "undone",
  "undo_failed",
] as const;
export type BulkState = (typeof BULK_STATES)[number];

export const BULK_MOVES: Readonly<Record<BulkState, readonly BulkState[]>> = {
  queued: ["running", "failed", "undoing"],
  running: ["completed", "failed", "undoing"],
  completed: ["undoing"],
  failed: ["running", "undoing"],
  undoing: ["undone", "undo_failed"],
  undone: [],
  undo_failed: ["undoing"],
};

/** What became of a card: `kept` is what could not be undone, because it has changed since. */
export const BULK_OUTCOMES = ["changed", "refused", "undone", "kept"] as const;
export type BulkOutcome = (typeof BULK_OUTCOMES)[number];

/** `queued` waits for its workflow; an import that failed has taken in what it has, and may be ordered to go on. */
export const IMPORT_STATES = ["queued", "importing", "completed", "failed"] as const;
export type ImportState = (typeof IMPORT_STATES)[number];

export const IMPORT_MOVES: Readonly<Record<ImportState, readonly ImportState[]>> = {
  queued: ["importing", "failed"],
  importing: ["completed", "failed"],
  completed: [],
  failed: ["importing"],
};

/** From when on the term counts: the card's first use, its making, or a date that the policy names. */
export const START_BASES = ["activation", "creation", "date"] as const;
export type StartBasis = (typeof START_BASES)[number];

/** Whether a card's time goes by while it is suspended. */
export const SUSPENDED_CLOCKS = ["runs", "stops"] as const;
export type SuspendedClock = (typeof SUSPENDED_CLOCKS)[number];

/** What sees to it that a card's end is told: a workflow of its own, or the wheel of its shard. */
export const CARD_TIMERS = ["run", "wheel"] as const;
export type CardTimer = (typeof CARD_TIMERS)[number];

/** How products are named. */
export const PRODUCT_SLUG = /^[a-z0-9][a-z0-9-]{0,49}$/;

/** The cards whose ends are looked after together. */
export const CARD_SHARDS = 16;

/** What stands for "no product" where cards are counted. */
export const NO_PRODUCT = "00000000-0000-0000-0000-000000000000";

/** The shard of a card, from the last digits of its UUID, which are chance. */
export function shardOf(cardId: string): number {
  return Number.parseInt(cardId.slice(-4), 16) % CARD_SHARDS;
}

/**
 * The end that a card has from its making on; null when its clock begins with its first use, or it has no end. `terms`
 * is its policy.
 */
export function endAtMaking(
  terms: { termSeconds: number | null; startBasis: StartBasis; startsAt: Date | null },
  madeAt: Date,
): Date | null {
  const { termSeconds, startBasis, startsAt } = terms;
  const begins = { activation: null, creation: madeAt, date: startsAt }[startBasis];
  return begins && termSeconds !== null ? new Date(begins.getTime() + termSeconds * 1000) : null;
}
