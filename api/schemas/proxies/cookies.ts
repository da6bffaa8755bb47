import { z } from "zod";
import { LIMITS } from "../../../domain/limits.ts";
import { COOKIE_STATUSES, isCookieFile } from "../../../domain/proxies.ts";
import { readShanghaiClock } from "../../../domain/shanghai.ts";
import type { Cookie } from "../../../models/proxies/index.ts";
import { pageNumber, pageSize } from "./proxies.ts";

const Moment = z.iso.datetime({ offset: true });
const wire = (moment: Date | null | undefined) => moment?.toISOString() ?? null;

/** ISO 8601, or the contract's clock in Shanghai; null for a cookie that is good for ever. */
const ExpireAt = z
  .string()
  .transform((text, context) => {
    const moment = readShanghaiClock(text) ?? (Moment.safeParse(text).success && new Date(text));
    if (moment) return moment;
    context.addIssue("must be YYYY-MM-DD HH:MM:SS or ISO 8601");
    return z.NEVER;
  })
  .nullable()
  .optional();
const Name = z.string().trim().min(1).max(100);
const Content = z
  .string()
  .max(LIMITS.cookieCharacters)
  .refine(isCookieFile, "must be a Netscape cookie file: seven fields a line, separated by tabs");

export const NewCookie = z.strictObject({
  platform: z.string().trim().toLowerCase().min(1).max(50),
  name: Name,
  content: Content,
  expire_at: ExpireAt,
  /** The contract's clients send it; a new cookie is never frozen. */
  freeze_seconds: z.int().optional(),
});
/** What is not said stays. */
export const CookieChange = z.strictObject({
  name: Name.optional(),
  content: Content.optional(),
  expire_at: ExpireAt,
  freeze_seconds: z.int().optional(),
});
export const Freeze = z.strictObject({
  freeze_seconds: z
    .int()
    .max(366 * 86_400)
    .optional(),
});
export const Frozen = z.strictObject({ success: z.literal(true), frozen_until: Moment });

const StatusNumber = z
  .int()
  .min(0)
  .max(COOKIE_STATUSES.length - 1);
export const CookiesQuery = z.strictObject({
  platform: z.string().toLowerCase().max(50).optional(),
  status: z.coerce.number().pipe(StatusNumber).optional(),
  page: pageNumber,
  page_size: pageSize,
});

export const CookieOut = z.strictObject({
  id: z.int(),
  platform: z.string(),
  name: z.string(),
  /** Empty in lists. */
  content: z.string(),
  status: StatusNumber,
  expire_at: Moment.nullable(),
  frozen_until: Moment.nullable(),
  freeze_seconds: z.int(),
  last_used_at: Moment.nullable(),
  use_count: z.int(),
  success_count: z.int(),
  fail_count: z.int(),
  created_at: Moment,
  updated_at: Moment,
});
export const CookiesOut = z.strictObject({
  total: z.int(),
  page: z.int(),
  page_size: z.int(),
  items: z.array(CookieOut),
});

export function presentCookie(
  row: Cookie,
  status: (typeof COOKIE_STATUSES)[number],
  content = "",
): z.input<typeof CookieOut> {
  return {
    id: row.serial,
    platform: row.platform,
    name: row.name,
    content,
    status: COOKIE_STATUSES.indexOf(status),
    expire_at: wire(row.expireAt),
    frozen_until: wire(row.frozenUntil),
    freeze_seconds: row.freezeSeconds,
    last_used_at: wire(row.lastUsedAt),
    use_count: row.useCount,
    success_count: row.successCount,
    fail_count: row.failCount,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
