import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import {
  DELIVERY_STATES,
  OUTWARD_EVENTS,
  type OutwardEventName,
  WEBHOOK_STATES,
} from "../../domain/webhooks.ts";
import type { Webhook, WebhookAttempt, WebhookDelivery } from "../../models/webhooks/index.ts";
import { PageQuery } from "./accounts.ts";

const Moment = z.iso.datetime({ offset: true });
const EventName = z.enum(Object.keys(OUTWARD_EVENTS) as OutwardEventName[]);

const Terms = z.strictObject({
  url: z.string().min(1).max(LIMITS.webhookUrlCharacters),
  events: z
    .array(EventName)
    .min(1)
    .transform((names) => [...new Set(names)]),
  description: z.string().max(LIMITS.webhookDescriptionCharacters).nullish(),
});

export const NewWebhook = Terms;
export const WebhookChange = Terms.partial().extend({ state: z.enum(WEBHOOK_STATES).optional() });
export const WebhookId = z.strictObject({ id: z.uuid() });
export const DeliveryId = z.strictObject({ id: z.uuid(), delivery: z.uuid() });
export const DeliveriesQuery = PageQuery.extend({
  state: z.enum(DELIVERY_STATES).optional(),
});

export const WebhookOut = z.strictObject({
  id: z.uuid(),
  owner_id: z.uuid(),
  /** The key for single packages that made it: it hears of what this key may, and of nothing else. */
  key_id: z.uuid().nullable(),
  url: z.string(),
  events: z.array(EventName),
  description: z.string().nullable(),
  state: z.enum(WEBHOOK_STATES),
  /** Why the platform switched it off. */
  reason: z.string().nullable(),
  /** Until when the secret before signs too. */
  previous_secret_until: Moment.nullable(),
  created_at: Moment,
  updated_at: Moment,
});
/** The only answers that ever hold the secret. */
export const WebhookWithSecret = WebhookOut.extend({ secret: z.string() });
export const WebhooksOut = z.strictObject({
  items: z.array(WebhookOut),
  next: z.string().nullable(),
});

export const DeliveryOut = z.strictObject({
  id: z.uuid(),
  /** What receivers know the message by: the header `webhook-id`. */
  event_id: z.string(),
  event: z.string(),
  state: z.enum(DELIVERY_STATES),
  /** Begins with 1; each replay is one more. */
  round: z.int(),
  attempts: z.int(),
  last_status: z.int().nullable(),
  reason: z.string().nullable(),
  next_attempt_at: Moment.nullable(),
  created_at: Moment,
  ended_at: Moment.nullable(),
});
export const DeliveriesOut = z.strictObject({
  items: z.array(DeliveryOut),
  next: z.string().nullable(),
});

const AttemptOut = z.strictObject({
  round: z.int(),
  number: z.int(),
  started_at: Moment,
  duration_ms: z.int(),
  status: z.int().nullable(),
  error: z.string().nullable(),
  response_excerpt: z.string().nullable(),
});
export const DeliveryWithAttempts = DeliveryOut.extend({
  /** The message as it is sent. */
  body: z.string(),
  tries: z.array(AttemptOut),
});

// A row that was just made holds nothing where nothing was said: `?? null` below.
const wire = (moment: Date | null | undefined) => moment?.toISOString() ?? null;

export function presentWebhook(row: Webhook, now = new Date()): z.input<typeof WebhookOut> {
  const overlaps = row.previousUntil && row.previousUntil > now;
  return {
    id: row.id,
    owner_id: row.ownerId,
    key_id: row.keyId ?? null,
    url: row.url,
    events: row.events,
    description: row.description,
    state: row.state,
    reason: row.reason ?? null,
    previous_secret_until: overlaps ? wire(row.previousUntil) : null,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export function presentDelivery(row: WebhookDelivery): z.input<typeof DeliveryOut> {
  return {
    id: row.id,
    event_id: row.eventId,
    event: row.event,
    state: row.state,
    round: row.round,
    attempts: row.attempts,
    last_status: row.lastStatus ?? null,
    reason: row.reason ?? null,
    next_attempt_at: wire(row.nextAttemptAt),
    created_at: row.createdAt.toISOString(),
    ended_at: wire(row.endedAt),
  };
}

export function presentAttempt(row: WebhookAttempt): z.input<typeof AttemptOut> {
  return {
    round: row.round,
    number: row.number,
    started_at: row.startedAt.toISOString(),
    duration_ms: row.durationMs,
    status: row.status,
    error: row.error,
    response_excerpt: row.excerpt,
  };
}
