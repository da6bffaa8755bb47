import type { Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import type { Event } from "../../domain/events.ts";
import { workflowId } from "../../domain/ids.ts";
import { OUTWARD_EVENTS, type OutwardEvent } from "../../domain/webhooks.ts";
import { keysThatMay } from "../accounts/keys.ts";
import { enqueue } from "../operations.ts";
import { Webhook, WebhookDelivery } from "./tables.ts";

/**
 * Tells the outside of an event if, and only if, `transaction` commits: each webhook that listens to it gets a
 * delivery. The same event id again changes nothing.
 */
export async function emit(event: OutwardEvent, transaction: Transaction): Promise<void> {
  await emitEach([event], transaction);
}

/** Tells the outside of several events of one type about things that only those hear of who may hear of all. */
export async function emitAll(
  events: readonly Extract<OutwardEvent, { type: `card.${string}` }>[],
  transaction: Transaction,
): Promise<void> {
  await emitEach(events, transaction);
}

async function emitEach(events: readonly OutwardEvent[], transaction: Transaction): Promise<void> {
  const [first] = events;
  const listening = first ? await listenersOf(first, transaction) : [];
  if (listening.length === 0) return;
  for (const event of events) await tell(listening, event, transaction);
}

async function tell(
  listening: readonly Webhook[],
  event: OutwardEvent,
  transaction: Transaction,
): Promise<void> {
  const told = await WebhookDelivery.findAll({
    attributes: ["webhookId"],
    where: { eventId: event.id, webhookId: listening.map(({ id }) => id) },
    transaction,
  });
  const before = new Set(told.map(({ webhookId }) => webhookId));
  for (const webhook of listening) {
    if (!before.has(webhook.id)) await address(webhook, event, transaction);
  }
}

/** The webhooks are locked as they are read, so that none is paused or resumed while its delivery is made. */
async function listenersOf(
  { type, data }: OutwardEvent,
  transaction: Transaction,
): Promise<Webhook[]> {
  const awake = await Webhook.findAll({
    where: { state: ["active", "paused"] },
    order: [["id", "ASC"]],
    lock: transaction.LOCK.SHARE,
    transaction,
  });
  const own = "account" in data ? data.account : undefined;
  const listening = awake.filter(
    ({ events, ownerId }) => events.includes(type) && (own ?? ownerId) === ownerId,
  );
  const keyIds = listening.map(({ keyId }) => keyId).filter((id) => id !== null);
  if (keyIds.length === 0) return listening;
  // Keys for some packages hear of these and of nothing else.
  if (!("package" in data)) return listening.filter(({ keyId }) => keyId === null);
  const may = await keysThatMay(OUTWARD_EVENTS[type], Number(data.package), keyIds, transaction);
  return listening.filter(({ keyId }) => keyId === null || may.has(keyId));
}

/** Makes one delivery. It is sent at once, or waits for its webhook to be active again. */
export async function address(
  webhook: Webhook,
  { id: eventId, type, data }: Event & { id: string },
  transaction: Transaction,
): Promise<WebhookDelivery> {
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data });
  const delivery = await WebhookDelivery.create(
    {
      id: newId(),
      webhookId: webhook.id,
      eventId,
      event: type,
      body,
      state: webhook.state === "active" ? "pending" : "held",
    },
    { transaction },
  );
  if (delivery.state === "pending") await send(delivery, transaction);
  return delivery;
}

/**
 * Orders the delivery's workflow to send its current round. Later rounds come as a command, which a workflow that
 * still runs hears too.
 */
export async function send(
  { id: deliveryId, webhookId, event, round }: WebhookDelivery,
  transaction: Transaction,
): Promise<void> {
  const id = newId();
  await enqueue(
    {
      id,
      workflow: "webhookDelivery",
      workflowId: workflowId("webhook", deliveryId),
      input: { deliveryId, round, event },
      command: round === 1 ? null : { update: "sendAgain", id, argument: { round } },
      summary: `Tell a webhook: ${event}`,
      kind: "webhook",
      subject: webhookId,
      headers: {},
    },
    transaction,
  );
}
