import { type Actor, may, mayWithSome } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { OUTWARD_EVENTS, type OutwardEventName } from "../../domain/webhooks.ts";
import { Webhook, WebhookDelivery } from "../../models/webhooks/index.ts";
import { type Outbound } from "../../platform/outbound.ts";
import { OutboundRefused } from "../../platform/outbound-rules.ts";

/**
 * The webhooks that `actor` may see: their own, or all for who oversees them. A key for single packages sees those that
 * it made, since another may hear of more.
 */
export function webhooksOf(actor: Actor): { ownerId?: string; keyId?: string } {
  if (actor.packages) return { ownerId: actor.accountId, keyId: actor.keyId! };
  return may(actor, "webhooks:oversee") ? {} : { ownerId: actor.accountId };
}

/** The webhook with this id. A stranger's looks the same as one that never was. */
export async function findWebhook(actor: Actor, id: string): Promise<Webhook> {
  const row = await Webhook.findOne({ where: { id, ...webhooksOf(actor) } });
  if (!row) throw refusal("webhooks/not-found", "There is no such webhook.");
  return row;
}

export async function findDelivery(webhook: Webhook, id: string): Promise<WebhookDelivery> {
  const row = await WebhookDelivery.findOne({ where: { id, webhookId: webhook.id } });
  if (!row) throw refusal("webhooks/delivery-not-found", "There is no such delivery.");
  return row;
}

/** Nobody is told by a webhook what they may not read. */
export function assertMayHear(actor: Actor, events: readonly OutwardEventName[]): void {
  const beyond = events.filter((event) => !mayWithSome(actor, OUTWARD_EVENTS[event]));
  if (beyond.length === 0) return;
  throw refusal("webhooks/event-beyond-rights", `You may not hear of this: ${beyond.join(", ")}.`);
}

/** Refuses an address that would never be asked. */
export async function assertReachable(outbound: Outbound, url: string): Promise<void> {
  await outbound.check(url).catch((error: unknown) => {
    if (!(error instanceof OutboundRefused)) throw error;
    throw refusal("webhooks/address-refused", error.message, {
      issues: [{ path: "url", in: "body", message: error.message }],
    });
  });
}
