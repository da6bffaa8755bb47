import { z } from "zod";

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
} as const satisfies Record<string, { rule: z.ZodType; doc: string; secret?: boolean }>;
