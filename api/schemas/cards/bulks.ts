import { z } from "zod";
import { BULK_OUTCOMES, BULK_STATES } from "../../../domain/cards.ts";
import {
  BULK_VERBS,
  type BulkForecast,
  type BulkOrder,
  sayForecast,
} from "../../../domain/cards/bulk.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type { CardBulk, CardBulkResult } from "../../../models/cards/index.ts";
import { PageQuery } from "../accounts.ts";
import { CARD_FILTERS } from "./lists.ts";

const Moment = z.iso.datetime({ offset: true });
const { deleted: _, ...FILTERS } = CARD_FILTERS;

const PARAMETERS = {
  seconds: z
    .int()
    .min(1)
    .max(LIMITS.cardTermSeconds)
    .optional()
    .describe("Goes with extend: how much more time each card gets"),
  note: z
    .string()
    .max(LIMITS.cardNoteCharacters)
    .nullable()
    .optional()
    .describe("Goes with note: what each card's note becomes; null removes it"),
};

export const NewBulk = z
  .strictObject({
    verb: z.enum(BULK_VERBS),
    filter: z
      .strictObject({
        ...FILTERS,
        ids: z.array(z.uuid()).min(1).max(LIMITS.bulkIds).optional().describe("These cards alone"),
      })
      .describe(
        "As in the list of cards; all that one reaches when empty. To restore, of the deleted ones",
      ),
    parameters: z.strictObject(PARAMETERS).default({}),
    reason: z.string().trim().min(1).max(500).optional().describe("Stands in the audit"),
    /** True to hear what would happen, without anything happening. */
    dry_run: z.boolean().default(false),
  })
  .refine(({ verb, parameters }) => (verb === "extend") === (parameters.seconds !== undefined), {
    message: "seconds goes with extend",
    path: ["parameters", "seconds"],
  })
  .refine(({ verb, parameters }) => (verb === "note") === (parameters.note !== undefined), {
    message: "note goes with the verb note",
    path: ["parameters", "note"],
  })
  .refine(({ filter }) => filter.ids === undefined || filter.text === undefined, {
    message: "goes without a text",
    path: ["filter", "ids"],
  });

/** What would happen. */
export const BulkForecastOut = z.strictObject({
  dry_run: z.literal(true),
  verb: z.enum(BULK_VERBS),
  matching: z.int(),
  will_change: z.int(),
  refused: z.array(z.strictObject({ reason: z.string(), count: z.int() })),
  summary: z.string(),
});

export const BulkId = z.strictObject({ id: z.uuid() });
export const BulksQuery = PageQuery;
export const BulkResultsQuery = PageQuery.extend({ outcome: z.enum(BULK_OUTCOMES).optional() });

export const BulkOut = z.strictObject({
  id: z.uuid(),
  verb: z.enum(BULK_VERBS),
  filter: z.record(z.string(), z.unknown()),
  parameters: z.strictObject(PARAMETERS),
  reason: z.string().nullable(),
  status: z.enum(BULK_STATES),
  total: z.int().describe("How many cards matched when it was ordered"),
  changed: z.int(),
  refused: z.int(),
  undone: z.int(),
  kept: z.int().describe("What was not undone, because it has changed since"),
  error: z.string().nullable().describe("Why it failed"),
  ordered_by: z.string(),
  created_at: Moment,
  completed_at: Moment.nullable(),
  undo_until: Moment.nullable().describe("Null while it goes on: then it can be undone too"),
  results_until: Moment.nullable().describe(
    "Until then it can be read what became of each card; null while it goes on, and when it has failed",
  ),
});
export const BulksOut = z.strictObject({
  items: z.array(BulkOut),
  next: z.string().nullable(),
});

const Row = z.record(z.string(), z.unknown()).nullable();
export const BulkResultsOut = z.strictObject({
  items: z.array(
    z.strictObject({
      card_id: z.uuid(),
      prefix: z.string().nullable(),
      code_tail: z.string().nullable().describe("Null when the card is gone for good"),
      outcome: z.enum(BULK_OUTCOMES),
      reason: z.string().nullable(),
      before: Row.describe("What of the card was changed"),
      after: Row,
    }),
  ),
  next: z.string().nullable(),
});

/** What is ordered, as the domain has it. */
export function readOrder({ verb, parameters }: z.output<typeof NewBulk>): BulkOrder {
  const { seconds = 0, note = null } = parameters;
  if (verb === "extend") return { verb, ms: seconds * 1000 };
  return verb === "note" ? { verb, note } : { verb };
}

export function presentForecast(
  verb: BulkOrder["verb"],
  forecast: BulkForecast,
): z.input<typeof BulkForecastOut> {
  const { changed, refused } = forecast;
  const matching = refused.reduce((sum, { count }) => sum + count, changed);
  const summary = sayForecast(forecast);
  return { dry_run: true, verb, matching, will_change: changed, refused, summary };
}

/** A bulk; for so many seconds from its end on it can be undone, and what became of each card is kept. */
export function presentBulk(
  row: CardBulk,
  kept: { undoSeconds: number; resultsSeconds: number },
): z.input<typeof BulkOut> {
  const { order, completedAt } = row;
  const until = (seconds: number) =>
    completedAt && new Date(completedAt.getTime() + seconds * 1000).toISOString();
  const isOver = row.state === "completed" || row.state === "undone";
  return {
    id: row.id,
    verb: order.verb,
    filter: row.asked as Record<string, unknown>,
    parameters: {
      ...(order.verb === "extend" && { seconds: order.ms / 1000 }),
      ...(order.verb === "note" && { note: order.note }),
    },
    reason: row.reason,
    status: row.state,
    total: row.total,
    changed: row.done,
    refused: row.refused,
    undone: row.undone,
    kept: row.kept,
    error: row.error,
    ordered_by: row.actorName,
    created_at: row.createdAt.toISOString(),
    completed_at: completedAt?.toISOString() ?? null,
    undo_until: until(kept.undoSeconds),
    results_until: isOver ? until(kept.resultsSeconds) : null,
  };
}

/** What became of cards; `named` are those that are still there. */
export function presentResults(
  { items, next }: { items: readonly CardBulkResult[]; next: string | null },
  named: readonly { id: string; prefix: string; codeTail: string }[],
): z.input<typeof BulkResultsOut> {
  const names = new Map(named.map((card) => [card.id, card]));
  return {
    items: items.map(({ cardId, outcome, reason, before, after }) => ({
      card_id: cardId,
      prefix: names.get(cardId)?.prefix ?? null,
      code_tail: names.get(cardId)?.codeTail ?? null,
      outcome,
      reason,
      before: spelled(before),
      after: spelled(after),
    })),
    next,
  };
}

/** Names as they are on the wire. */
function spelled(row: Readonly<Record<string, unknown>> | null) {
  if (row === null) return null;
  const spell = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [spell(name), value]));
}
