import { z } from "zod";
import { CARD_STATES, CARD_STATUSES, statusOf } from "../../../domain/cards.ts";
import { CODE_PREFIX } from "../../../domain/cards/codes.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type { Card, CardCounts, CardRow, Names } from "../../../models/cards/index.ts";
import type { Cell } from "../../table-export.ts";
import { PageQuery } from "../accounts.ts";

const Moment = z.iso.datetime({ offset: true });
const asDate = Moment.transform((text) => new Date(text));

/** What cards are found by. */
export const CARD_FILTERS = {
  status: z.enum(CARD_STATES).optional(),
  prefix: z
    .string()
    .regex(CODE_PREFIX, "must be 1 to 16 letters, digits or underscores")
    .optional(),
  batch_id: z.uuid().optional(),
  /** The slug of a product. */
  product: z.string().max(50).optional(),
  /** A whole code, or all of its last four characters, its prefix, batch, machine or note. */
  text: z.string().trim().min(1).max(LIMITS.cardNoteCharacters).optional(),
  /** `true` for the cards that were deleted and can be restored, in place of the others. */
  deleted: z.stringbool().optional(),
  /** The first moment of their making, and the one that is too late. */
  from: asDate.optional(),
  to: asDate.optional(),
};

type Together = {
  [K in "deleted" | "status" | "prefix" | "batch_id" | "product" | "text"]?: unknown;
};
/** No index holds the deleted ones of a state, which are few among many. */
const together = ({ deleted, status, ...leading }: Together) =>
  !deleted ||
  status === undefined ||
  [leading.prefix, leading.batch_id, leading.product, leading.text].some(Boolean);
const TOGETHER = {
  message: "goes with deleted beside a prefix, a batch_id, a product or a text",
  path: ["status"],
};

export const CardsQuery = PageQuery.extend({
  ...CARD_FILTERS,
  sort: z.enum(["newest", "oldest"]).default("newest"),
}).refine(together, TOGETHER);
export const CardExportQuery = z
  .strictObject({ ...CARD_FILTERS, format: z.enum(["txt", "csv", "xlsx"]).default("txt") })
  .refine(together, TOGETHER);

const CardItem = z.strictObject({
  id: z.uuid(),
  prefix: z.string(),
  /** The last four characters of the code; exports have all of it. */
  code_tail: z.string(),
  state: z.enum(CARD_STATES),
  status: z.enum(CARD_STATUSES),
  batch_id: z.uuid().nullable(),
  product: z.string().nullable(),
  policy: z.string().nullable(),
  machine_code: z.string().nullable(),
  used_at: Moment.nullable(),
  expire_at: Moment.nullable(),
  uses_left: z.int().nullable(),
  note: z.string().nullable(),
  created_at: Moment,
  deleted_at: Moment.nullable(),
});

/** What a text is compared with, whole. */
const SEARCHED = [
  "code",
  "last_four",
  "prefix",
  "batch_id",
  "batch_note",
  "machine_code",
  "note",
] as const;
export const CardsOut = z.strictObject({
  items: z.array(CardItem),
  next: z.string().nullable(),
  /** What `text` was compared with; a whole code that is found is all that is found. */
  searched: z.array(z.enum(SEARCHED)).optional(),
});

export const CardCountsQuery = z.strictObject({ product: z.string().max(50).optional() });
export const CardCountsOut = z.strictObject({
  total: z.int(),
  unused: z.int(),
  active: z.int(),
  suspended: z.int(),
  expired: z.int(),
  banned: z.int(),
  deleted: z.int(),
});

export function presentCounts(counts: CardCounts): z.input<typeof CardCountsOut> {
  const { deleted, ...there } = counts;
  const total = Object.values(there).reduce((sum, count) => sum + count, 0);
  return { total, ...there, deleted };
}

export function presentCards(
  page: { items: readonly Card[]; next: string | null },
  names: Names,
  isSearch: boolean,
): z.input<typeof CardsOut> {
  const items = page.items.map((card) => presentItem(card, names));
  return { items, next: page.next, ...(isSearch && { searched: [...SEARCHED] }) };
}

function presentItem(card: Card, { products, policies }: Names): z.input<typeof CardItem> {
  return {
    id: card.id,
    prefix: card.prefix,
    code_tail: card.codeTail,
    state: card.state,
    status: statusOf(card.state),
    batch_id: card.batchId,
    product: (card.productId && products.get(card.productId)) ?? null,
    policy: (card.policyId && policies.get(card.policyId)) ?? null,
    machine_code: card.machineCode,
    used_at: card.usedAt?.toISOString() ?? null,
    expire_at: card.expireAt?.toISOString() ?? null,
    uses_left: card.usesLeft,
    note: card.note,
    created_at: card.createdAt.toISOString(),
    deleted_at: card.deletedAt?.toISOString() ?? null,
  };
}

/** A card as a row of a table, from left to right. */
export const CARD_COLUMNS: Readonly<Record<string, (card: CardRow, code: string) => Cell>> = {
  code: (_, code) => code,
  status: ({ state }) => statusOf(state),
  state: ({ state }) => state,
  machine_code: ({ machineCode }) => machineCode,
  used_at: ({ usedAt }) => usedAt?.toISOString() ?? null,
  expire_at: ({ expireAt }) => expireAt?.toISOString() ?? null,
  note: ({ note }) => note,
  batch_id: ({ batchId }) => batchId,
  created_at: ({ createdAt }) => createdAt.toISOString(),
  id: ({ id }) => id,
};
