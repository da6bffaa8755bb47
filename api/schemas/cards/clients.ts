import { z } from "zod";
import { CARD_STATES, CARD_STATUSES } from "../../../domain/cards.ts";
import { LIMITS } from "../../../domain/limits.ts";

const machineCode = z.string().trim().min(1).max(LIMITS.machineCodeCharacters);

/** What a program sends to find out whether it may run. Fields that we do not know are for nobody. */
export const ValidationOrder = z.looseObject({
  code: z
    .string()
    .trim()
    .min(1)
    .describe("The card's code; case, spaces and full-width forms do not count"),
  machine_code: machineCode.describe("What the machine is known by"),
  machine_parts: z
    .array(z.string().max(LIMITS.machineCodeCharacters))
    .min(1)
    .max(LIMITS.machineParts)
    .optional()
    .describe(
      "What the machine consists of, always in the same order, where a policy allows parts to change",
    ),
  product: z.string().max(50).optional().describe("The slug of the product that asks"),
  use_id: z
    .string()
    .min(1)
    .max(LIMITS.useIdCharacters)
    .optional()
    .describe("Where uses are counted: the same id counts once"),
});

const moment = z.string().describe("ISO 8601 in Asia/Shanghai");
const hours = z.number().describe("With two digits behind the point");

/** What every answer to a client has beside the contract's fields. */
const BESIDE = {
  code: z.string().describe("The outcome in a word, for programs"),
  server_time: moment,
  request_id: z.string(),
};

/** A card that is good. */
export const ValidationAnswer = z.strictObject({
  message: z.literal("授权成功"),
  expire_at: moment.nullable().describe("Null when it has no end"),
  remaining_hours: hours.nullable(),
  uses_left: z.int().nullable().describe("Null when nobody counts"),
  product: z.string().nullable(),
  entitlements: z.array(z.string()),
  asked: z
    .string()
    .optional()
    .describe(
      "With a nonce: sha256 in hex of code, a line feed, and machine_code as they were sent",
    ),
  ...BESIDE,
});

/** A card that is good, for the time to come. */
export const LicenceAnswer = z.strictObject({
  message: z.literal("授权成功"),
  licence: z.string().describe("JSON Web Token, EdDSA: to be kept in a file and checked offline"),
  licence_expire_at: moment.describe("Its own end, and never after the card's"),
  expire_at: moment.nullable(),
  ...BESIDE,
});

/** What signatures are checked by (RFC 7517). */
export const CardKeySet = z.strictObject({
  keys: z.array(
    z.strictObject({
      kty: z.literal("OKP"),
      crv: z.literal("Ed25519"),
      x: z.string(),
      kid: z.string().describe("The key's id, as signatures and licences name it"),
      use: z.literal("sig"),
      alg: z.literal("EdDSA"),
    }),
  ),
});

/** Where a card is looked up. */
export const StatusPath = z.strictObject({ code: z.string().max(LIMITS.shownCodeCharacters) });
export const StatusQuestion = z.strictObject({
  machine_code: z.string().trim().optional().describe("Shown again when it is the card's"),
});

/** Where a card stands. */
export const StatusAnswer = z.strictObject({
  data: z.strictObject({
    full_code: z.string(),
    status: z.enum(CARD_STATUSES),
    state: z.enum(CARD_STATES),
    created_at: moment,
    used_at: moment.nullable(),
    expire_at: moment.nullable(),
    machine_code: z.string().nullable(),
    remaining_hours: hours.nullable().optional().describe("Of active cards alone"),
  }),
  ...BESIDE,
});

/** That the service answers. */
export const HealthAnswer = z.strictObject({
  status: z.literal("ok"),
  timestamp: moment,
  service: z.literal("kamisystem"),
  ...BESIDE,
});
