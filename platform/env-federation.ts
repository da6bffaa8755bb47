import { z } from "zod";

/** The variables of what stands beside a password at sign-in. */
export const FEDERATION_VARIABLES = {
  ADMIN_TOTP_REQUIRED: {
    rule: z.enum(["on", "off"]).default("off"),
    doc: "on: administrators may do nothing of their role before their second proof (TOTP) is on",
  },
} as const;
