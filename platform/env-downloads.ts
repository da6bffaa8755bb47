import { z } from "zod";

/** The variables of what fetches media. */
export const DOWNLOAD_VARIABLES = {
  YT_DLP: {
    rule: z.string().optional(),
    doc: "Path of a yt-dlp; without it the one on PATH serves, or the one that is fetched from PyPI into LONGHAUL_CACHE",
  },
} as const satisfies Record<string, { rule: z.ZodType; doc: string; secret?: boolean }>;
