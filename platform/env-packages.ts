import { z } from "zod";
import { LIMITS } from "../domain/limits.ts";
import { command, onOff } from "./env-rules.ts";

/** The variables of what is accepted as a package, and by how many people. */
export const PACKAGE_VARIABLES = {
  SCAN_SIGNATURES: {
    rule: z.string().optional(),
    doc: "Folder of ClamAV signatures; packages are scanned when given",
  },
  HARDEN_COMMAND: {
    rule: command.optional(),
    doc: "JSON array with {input} and {output}; packages are hardened with it when given",
  },
  PIPELINE_SECRETS: {
    rule: z.string().optional(),
    doc: 'Path of a JSON file {"secrets": {NAME: TEXT}, "files": {NAME: PATH}, "values": {NAME: TEXT}} that pipelines refer to by name',
  },
  MAX_PACKAGE_BYTES: {
    rule: z.coerce.number().int().min(1).max(LIMITS.packageBytes).default(LIMITS.packageBytes),
    doc: "Largest package accepted, at most 20 GiB",
  },
  FOUR_EYES: {
    rule: onOff.default(false),
    doc: "on: in no package anybody publishes or releases what they have uploaded; off: packages say so themselves",
  },
} as const;
