import { z } from "zod";
import { OWN_CARD_KEY } from "./card-codes.ts";
import { life, words } from "./env-rules.ts";

const cardKey = z
  .string()
  .regex(
    /^[a-z0-9-]{1,16}:[^:]{32,}$/,
    "must be ID:SECRET with at least 32 characters in each secret, separated by commas",
  )
  .transform((text) => {
    const [id, secret] = text.split(":") as [string, string];
    return { id, secret };
  });

/** The variables of cards. */
export const CARD_VARIABLES = {
  CARD_TERM: {
    rule: life.default(10_800),
    doc: "How long a card without a policy is good, from its first use on",
  },
  CARD_TIMERS: {
    rule: z.coerce.number().int().min(0).max(10_000_000).default(100_000),
    doc: "Up to so many active cards, each has a workflow of its own that ends it; beyond, those of a shard share one",
  },
  CARD_RESTORE: {
    rule: life.default(2_592_000),
    doc: "How long a deleted card can be restored; after that it is removed for good",
  },
  CARD_BULK_UNDO: {
    rule: life.default(600),
    doc: "How long what was done with many cards at once can be undone, from its end on",
  },
  CARD_RESULTS: {
    rule: life.default(2_592_000),
    doc: "How long it can be read what became of each card that was changed with many others, and of each line that was taken in: not shorter than CARD_BULK_UNDO",
  },
  CARD_LICENCE_TERM: {
    rule: life.default(259_200),
    doc: "How long a licence is good that is checked without a network, at most until the card's end",
  },
  CARD_KEYS: {
    rule: words
      .pipe(z.array(cardKey))
      .refine(
        (keys) => new Set(keys.map(({ id }) => id)).size === keys.length,
        "must not name an id twice",
      )
      .refine(
        (keys) => keys.every(({ id }) => id !== OWN_CARD_KEY),
        `must not name the id ${OWN_CARD_KEY}, which is SECRET_KEY's`,
      )
      .default([]),
    secret: true,
    doc: "Keys that hash, seal and vouch for cards, as ID:SECRET separated by commas, the one for new cards first; older ones stay behind it (docs/operations/cards.md). SECRET_KEY serves when not given",
  },
} as const satisfies Record<string, { rule: z.ZodType; doc: string; secret?: boolean }>;
