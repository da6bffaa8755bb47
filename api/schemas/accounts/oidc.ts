import { z } from "zod";

export const OidcStartOut = z.strictObject({
  authorization_url: z.string(),
  /** Kept by whoever began, and shown at the return: a stranger's return is worth nothing without it. */
  login_token: z.string(),
  expires_in: z.int(),
});

export const OidcReturnBody = z.strictObject({
  code: z.string().min(1).max(4096),
  state: z.string().min(1).max(512),
  iss: z.string().max(512).optional(),
  login_token: z.string().min(1).max(255),
});
