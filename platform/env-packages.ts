import { z } from "zod";
import { LIMITS } from "../domain/limits.ts";
import { onOff } from "./env-rules.ts";

/** The variables of what is accepted as a package, and by how many people. */
export const PACKAGE_VARIABLES = {
  MAX_PACKAGE_BYTES: {
    rule: z.coerce.number().int().min(1).max(LIMITS.packageBytes).default(LIMITS.packageBytes),
    doc: "Largest package accepted, at most 20 GiB",
  },
  FOUR_EYES: {
    rule: onOff.default(false),
    doc: "on: in no package anybody publishes or releases what they have uploaded; off: packages say so themselves",
  },
} as const;
