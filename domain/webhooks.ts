import type { Permission } from "./accounts.ts";
import type { Event, EventName } from "./events.ts";

/** What webhooks may listen to, and the right that its owner needs for it. */
export const OUTWARD_EVENTS = {
  "package.version_accepted": "packages:read",
  "package.run_parked": "packages:read",
  "package.run_ended": "packages:read",
  "package.published": "packages:read",
  "package.rolled_back": "packages:read",
  "package.version_quarantined": "packages:read",
  "package.version_released": "packages:read",
  "package.version_rejected": "packages:read",
  "card.activated": "cards:oversee",
  "card.expiring": "cards:oversee",
  "card.expired": "cards:oversee",
  "card.extended": "cards:oversee",
  "card.suspended": "cards:oversee",
  "card.reinstated": "cards:oversee",
  "card.banned": "cards:oversee",
  "card.unbound": "cards:oversee",
  "card.transferred": "cards:oversee",
  "card.changed": "cards:oversee",
  "card.deleted": "cards:oversee",
  "card.restored": "cards:oversee",
  "disk.filling": "downloads:oversee",
  "download.ready": "downloads:oversee",
  "download.kept": "downloads:oversee",
  "download.failed": "downloads:oversee",
  "download.expired": "downloads:oversee",
  // Of these, everybody hears of their own alone.
  "task.status_changed": "webhooks:read",
  "task.completed": "webhooks:read",
  "task.failed": "webhooks:read",
  "notice.given": "webhooks:read",
} as const satisfies Partial<Record<EventName, Permission>>;
export type OutwardEventName = keyof typeof OUTWARD_EVENTS;

/** One thing that happened and may be told to the outside. The same `id` reaches an address as one message. */
export type OutwardEvent = Extract<Event, { type: OutwardEventName }> & { id: string };

/**
 * `active` delivers, `paused` keeps what happens until it is active again, `off` takes no notice of anything: its
 * owner wanted it so, or its address answered 410.
 */
export const WEBHOOK_STATES = ["active", "paused", "off"] as const;
export type WebhookState = (typeof WEBHOOK_STATES)[number];

/** A delivery is `pending` until it was taken or given up, `held` while its webhook is paused. */
export const DELIVERY_STATES = ["pending", "held", "delivered", "failed"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** The pauses before each try after the first: the example schedule of Standard Webhooks 1.0.0. */
export const RETRY_PAUSES_SECONDS = [
  5,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const;

const LONGEST_PAUSE_SECONDS = 24 * HOUR;
/** So that receivers which failed together are not asked together again. */
const JITTER = 0.1;

/**
 * The seconds between try `attempt` (from 1) and the next one; undefined when it was the last. A receiver may ask for
 * a longer pause, up to a day; `luck`, in [0, 1), spreads the tries.
 */
export function pauseAfter(
  attempt: number,
  { retryAfterSeconds = 0, luck }: { retryAfterSeconds?: number | undefined; luck: number },
): number | undefined {
  const planned = RETRY_PAUSES_SECONDS[attempt - 1];
  if (planned === undefined) return undefined;
  const asked = Math.min(retryAfterSeconds, LONGEST_PAUSE_SECONDS);
  return Math.ceil(Math.max(planned, asked) * (1 + JITTER * luck));
}
