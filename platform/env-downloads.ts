import { z } from "zod";
import { life, onOff, words } from "./env-rules.ts";

const MiB = 1024 * 1024;

/** The variables of what fetches media. */
export const DOWNLOAD_VARIABLES = {
  YT_DLP: {
    rule: z.string().optional(),
    doc: "Path of a yt-dlp; without it the one on PATH serves, or the one that is fetched from PyPI into LONGHAUL_CACHE",
  },
  DOWNLOAD_SLOTS: {
    rule: z.coerce.number().int().min(1).max(64).default(5),
    doc: "How many downloads one worker fetches at a time",
  },
  DOWNLOAD_QUICK_TTL: {
    rule: life.default(86_400),
    doc: "How long the file of a quick download is there",
  },
  DOWNLOAD_MAX_BYTES: {
    rule: z.coerce
      .number()
      .int()
      .min(1)
      .max(Number.MAX_SAFE_INTEGER)
      .default(2048 * MiB),
    doc: "Largest file that is fetched (default 2 GiB)",
  },
  DOWNLOAD_RETRY_PAUSES: {
    rule: words.pipe(z.array(life).max(10)).default([15, 60, 300]),
    doc: "The pauses before a download is tried again, separated by commas: as many tries follow the first one (default 15s,1m,5m)",
  },
  DOWNLOAD_DAILY_QUOTA: {
    rule: z.coerce.number().int().min(0).max(1_000_000).default(10),
    doc: "How many downloads one account may order a day, midnight being Shanghai's; with DOWNLOAD_BILLING=on their balance decides",
  },
  DISK_LIMIT_PERCENT: {
    rule: z.coerce.number().int().min(0).max(100).default(90),
    doc: "How full the disk of the data folder may be before downloads are refused; what is fetched has room leased below it",
  },
  DISK_WARNING_PERCENT: {
    rule: z.coerce.number().int().min(1).max(100).default(85),
    doc: "How full the disk of the data folder is when operators are told: by the event disk.filling, a notice, a metric and /ready",
  },
  DOWNLOAD_TRANSFERS: {
    rule: z.coerce.number().int().min(1).max(100_000).default(50),
    doc: "How many files of downloads are given out at a time, by all API processes that share a Redis (default 50)",
  },
  DOWNLOAD_TRANSFERS_PER_USER: {
    rule: z.coerce.number().int().min(1).max(100_000).default(50),
    doc: "How many of them to one account (default 50)",
  },
  DOWNLOAD_BANDWIDTH: {
    rule: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
    doc: "How many bytes of downloads' files go to clients in a second, over all API processes that share a Redis (default 0: as fast as it goes)",
  },
  DOWNLOAD_BANDWIDTH_PER_USER: {
    rule: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
    doc: "How many of them to one account (default 0: as fast as it goes)",
  },
  DOWNLOAD_BILLING: {
    rule: onOff.default(false),
    doc: "on: downloads are charged for by their bytes, in and out, at the prices of the ledger",
  },
} as const satisfies Record<string, { rule: z.ZodType; doc: string; secret?: boolean }>;
