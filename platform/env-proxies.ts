import { z } from "zod";
import type { UsualGates } from "../domain/gates.ts";
import { LIMITS } from "../domain/limits.ts";
import { rate } from "./env-rules.ts";

const places = z.coerce.number().int().min(1).max(LIMITS.gatePlaces);

/** The variables by which downloads reach their sources. */
export const PROXY_VARIABLES = {
  PROXY_API_URL: {
    // Providers put keys and wishes into its query.
    rule: z.url({ protocol: /^https?$/, error: "must begin with http:// or https://" }).optional(),
    secret: true,
    doc: "Address of a provider's API that answers one proxy as JSON (ip, port, user, password, expiry); with it, or with a proxy in the pool, nothing is downloaded without a proxy",
  },
  PROXY_API_KEY: {
    rule: z.string().min(1).optional(),
    secret: true,
    doc: "Key for PROXY_API_URL, sent as a bearer token",
  },
  GATE_HOST_PLACES: {
    rule: places.default(8),
    doc: "How many downloads may ask one host at a time, unless administrators say otherwise for it",
  },
  GATE_HOST_RATE: {
    rule: rate.default({ points: 60, seconds: 60 }),
    doc: "How many downloads may begin to ask one host: COUNT/SECONDS (default 60/60)",
  },
  GATE_PLATFORM_PLACES: {
    rule: places.default(4),
    doc: "How many downloads may ask one platform (YouTube, TikTok, ...) at a time",
  },
  GATE_PLATFORM_RATE: {
    rule: rate.default({ points: 10, seconds: 60 }),
    doc: "How many downloads may begin to ask one platform: COUNT/SECONDS (default 10/60)",
  },
} as const satisfies Record<string, { rule: z.ZodType; doc: string; secret?: boolean }>;

type Values = {
  [N in keyof typeof PROXY_VARIABLES]: z.output<(typeof PROXY_VARIABLES)[N]["rule"]>;
};

/** What is usual for each kind of gate. */
export function usualGates(values: Values): UsualGates {
  return {
    host: { places: values.GATE_HOST_PLACES, rate: values.GATE_HOST_RATE },
    platform: { places: values.GATE_PLATFORM_PLACES, rate: values.GATE_PLATFORM_RATE },
  };
}
