import { z } from "zod";
import { BATCH_STATES } from "../../../domain/cards.ts";
import { CODE_ALPHABETS, CODE_PREFIX, type CodeAlphabet } from "../../../domain/cards/codes.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type { CardBatch, Names } from "../../../models/cards/index.ts";
import { PageQuery } from "../accounts.ts";

const Moment = z.iso.datetime({ offset: true });
const Alphabet = z.enum(Object.keys(CODE_ALPHABETS) as [CodeAlphabet, ...CodeAlphabet[]]);
const Note = z.string().max(LIMITS.cardNoteCharacters);

export const NewBatch = z.strictObject({
  prefix: z.string().regex(CODE_PREFIX, "must be 1 to 16 letters, digits or underscores"),
  count: z.int().min(1).max(LIMITS.confirmedBatchCards),
  code_length: z.int().min(LIMITS.shortestCode).max(LIMITS.longestCode).default(10),
  /** `clear` lacks what is misread for something else. */
  alphabet: Alphabet.default("plain"),
  /** The name or the id of a policy; without one the cards last for CARD_TERM. */
  policy: z.string().max(100).optional(),
  /** The slug of a product. */
  product: z.string().max(50).optional(),
  note: Note.optional(),
  /** True for more cards than are made without asking again. */
  confirm: z.boolean().default(false),
});

export const BatchChange = z.strictObject({
  /** While it is, its cards count as suspended. */
  frozen: z.boolean().optional(),
  /** While it is, its cards count as banned. */
  revoked: z.boolean().optional(),
  note: Note.nullable().optional(),
});

export const BatchId = z.strictObject({ id: z.uuid() });

export const BatchesQuery = PageQuery.extend({
  status: z.enum(BATCH_STATES).optional(),
  prefix: z.string().max(16).optional(),
  product: z.string().max(50).optional(),
});

export const BatchOut = z.strictObject({
  id: z.uuid(),
  prefix: z.string(),
  status: z.enum(BATCH_STATES),
  /** How many cards there are, of how many that were ordered. */
  generated: z.int(),
  count: z.int(),
  frozen: z.boolean(),
  revoked: z.boolean(),
  code_length: z.int(),
  alphabet: Alphabet,
  policy: z.string().nullable(),
  product: z.string().nullable(),
  note: z.string().nullable(),
  /** Why it failed. */
  error: z.string().nullable(),
  created_at: Moment,
  completed_at: Moment.nullable(),
});
export const BatchesOut = z.strictObject({
  items: z.array(BatchOut),
  next: z.string().nullable(),
});

export function presentBatch(row: CardBatch, names: Names): z.input<typeof BatchOut> {
  return {
    id: row.id,
    prefix: row.prefix,
    status: row.state,
    generated: row.generated,
    count: row.count,
    frozen: row.frozen,
    revoked: row.revoked,
    code_length: row.codeLength,
    alphabet: row.alphabet,
    policy: (row.policyId && names.policies.get(row.policyId)) ?? null,
    product: (row.productId && names.products.get(row.productId)) ?? null,
    note: row.note,
    error: row.error,
    created_at: row.createdAt.toISOString(),
    completed_at: row.completedAt?.toISOString() ?? null,
  };
}
