import { z } from "zod";
import { rate, rates } from "./env-rules.ts";

/** The variables that say how often something may be done. */
export const LIMIT_VARIABLES = {
  LIMIT_SIGN_IN: {
    rule: rate.default({ points: 5, seconds: 60 }),
    doc: "Failed sign-ins and wrong codes per address: COUNT/SECONDS (default 5/60)",
  },
  LIMIT_SIGN_IN_START: {
    rule: rate.default({ points: 30, seconds: 60 }),
    doc: "Sign-ins by WeChat or OpenID that are begun per address: COUNT/SECONDS (default 30/60)",
  },
  LIMIT_REGISTER: {
    rule: rate.default({ points: 20, seconds: 3600 }),
    doc: "Registrations per address: COUNT/SECONDS (default 20/3600)",
  },
  LIMIT_SMS_PHONE: {
    rule: rates.default([
      { points: 1, seconds: 60 },
      { points: 5, seconds: 3600 },
    ]),
    doc: "Codes, and invitations, sent to one phone number or mail address: COUNT/SECONDS, several separated by commas (default 1/60,5/3600)",
  },
  LIMIT_SMS_ADDRESS: {
    rule: rate.default({ points: 10, seconds: 3600 }),
    doc: "Codes asked for from one network address: COUNT/SECONDS (default 10/3600)",
  },
  LIMIT_INVITATIONS: {
    rule: rate.default({ points: 30, seconds: 3600 }),
    doc: "Invitations that one account has mailed: COUNT/SECONDS (default 30/3600)",
  },
  LIMIT_TOKENS: {
    rule: rate.default({ points: 60, seconds: 60 }),
    doc: "Refresh tokens and other long secrets that prove wrong, per address: COUNT/SECONDS (default 60/60)",
  },
  LIMIT_CARD_GUESS: {
    rule: rate.default({ points: 10, seconds: 60 }),
    doc: "Codes of cards that do not exist, shown by one address or machine: COUNT/SECONDS (default 10/60)",
  },
  LIMIT_REQUESTS: {
    rule: rate.default({ points: 1200, seconds: 60 }),
    doc: "Requests per account or API key: COUNT/SECONDS (default 1200/60)",
  },
  FEED_CONNECTIONS: {
    rule: z.coerce.number().int().min(1).max(100_000).default(50),
    doc: "Sockets and event streams that one account may have open, at all API processes that share a Redis (default 50)",
  },
  LIMIT_ADDRESS: {
    rule: rate.optional(),
    doc: "Requests per address of whoever is not signed in: COUNT/SECONDS; not counted when not given",
  },
} as const satisfies Record<string, { rule: z.ZodType; doc: string }>;
