import { z } from "zod";
import { CARD_STATES, CARD_STATUSES, CARD_TIMERS, statusOf } from "../../../domain/cards.ts";
import { stateNow, type CardFacts } from "../../../domain/cards/judgement.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type { Card, CardMachine } from "../../../models/cards/index.ts";

const Moment = z.iso.datetime({ offset: true });
const Machine = z.string().trim().min(1).max(LIMITS.machineCodeCharacters);
const reason = z.string().trim().min(1).max(500).optional().describe("Stands in the audit");
const Seconds = z.int().min(1).max(LIMITS.cardTermSeconds);

export const CardId = z.strictObject({ id: z.uuid() });

export const CardEdit = z.strictObject({
  note: z.string().max(LIMITS.cardNoteCharacters).nullable().optional(),
  uses_left: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .nullable()
    .optional()
    .describe("How often it is good from now on; null: as often as one likes"),
  policy: z
    .string()
    .max(100)
    .nullable()
    .optional()
    .describe("The name or the id of a policy, for a card that nobody has used"),
  product: z
    .string()
    .max(50)
    .nullable()
    .optional()
    .describe("The slug of a product, for a card that nobody has used"),
  reason,
});
export const CardVerbOrder = z.strictObject({ reason }).prefault({});
export const Extension = z.strictObject({ seconds: Seconds, reason });
export const Unbinding = z
  .strictObject({
    machine_code: Machine.optional().describe("All machines when not given"),
    reason,
  })
  .prefault({});
export const Transfer = z.strictObject({
  to: z.uuid().describe("The card that gets the time"),
  seconds: Seconds.optional().describe("All that is left when not given"),
  reason,
});

/** A card, as those who sell it see it; its code is in exports alone. */
export const CardOut = z.strictObject({
  id: z.uuid(),
  prefix: z.string(),
  code_tail: z.string().describe("The last four characters of the code"),
  status: z.enum(CARD_STATUSES),
  state: z.enum(CARD_STATES),
  batch_id: z.uuid().nullable(),
  product_id: z.uuid().nullable(),
  policy_id: z.uuid().nullable(),
  machines: z.array(z.string()),
  used_at: Moment.nullable(),
  expire_at: Moment.nullable().describe(
    "Null before its time begins, while it stands, and for ever",
  ),
  remaining_seconds: z.number().nullable().describe("What is left while its time stands"),
  uses_left: z.int().nullable(),
  note: z.string().nullable(),
  timer: z
    .strictObject({
      kind: z.enum(CARD_TIMERS),
      due_at: Moment.describe("When something happens by itself: a notice, or the end"),
      temporal_url: z.string(),
    })
    .nullable(),
  created_at: Moment,
  updated_at: Moment,
  deleted_at: Moment.nullable().describe("Since when it is there for nobody but to be restored"),
});

/** A card with what its batch says. `timerAddress` leads to what looks after it. */
export function presentCard(
  card: Card,
  batch: Pick<CardFacts, "isFrozen" | "isRevoked">,
  others: readonly Pick<CardMachine, "machineCode">[],
  timerAddress: string,
): z.input<typeof CardOut> {
  const { dueAt, timer } = card;
  const state = stateNow({ ...card.get(), ...batch, product: null, maxMachines: 1 }, new Date());
  const first = card.machineCode === null ? [] : [card.machineCode];
  return {
    id: card.id,
    prefix: card.prefix,
    code_tail: card.codeTail,
    status: statusOf(state),
    state,
    batch_id: card.batchId,
    product_id: card.productId,
    policy_id: card.policyId,
    machines: [...first, ...others.map(({ machineCode }) => machineCode)],
    used_at: card.usedAt?.toISOString() ?? null,
    expire_at: card.expireAt?.toISOString() ?? null,
    remaining_seconds: card.remainingMs === null ? null : card.remainingMs / 1000,
    uses_left: card.usesLeft,
    note: card.note,
    timer:
      dueAt && timer
        ? { kind: timer, due_at: dueAt.toISOString(), temporal_url: timerAddress }
        : null,
    created_at: card.createdAt.toISOString(),
    updated_at: card.updatedAt.toISOString(),
    deleted_at: card.deletedAt?.toISOString() ?? null,
  };
}
