import { literal, type Transaction } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import type { Event } from "../../domain/events.ts";
import { LIMITS } from "../../domain/limits.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { type Audit, recordAudit } from "../operations.ts";
import { address, send } from "./emission.ts";
import { Webhook, WebhookDelivery } from "./tables.ts";

/** Where a change came from: what an audit entry says beside the change. */
type Origin = Pick<Audit, "actor" | "address" | "requestId">;

/** What its owner decides about a webhook. */
type WebhookTerms = Pick<Webhook, "url" | "events" | "description">;

/** Makes a webhook. `secret` comes sealed. */
export async function createWebhook(
  database: Database,
  webhook: WebhookTerms &
    Pick<Webhook, "id" | "ownerId" | "secret"> &
    Partial<Pick<Webhook, "keyId">>,
  origin: Origin,
): Promise<Webhook> {
  return inTransaction(database, async (transaction) => {
    const row = await Webhook.create({ ...webhook, state: "active" }, { transaction });
    await audit("webhooks.created", row.id, origin, transaction, { after: termsOf(row) });
    return row;
  });
}

/** Changes a webhook. What was held while it was paused is sent when it becomes active, and dropped when it goes off. */
export async function changeWebhook(
  database: Database,
  webhookId: string,
  change: Partial<WebhookTerms & Pick<Webhook, "state">>,
  origin: Origin,
): Promise<Webhook> {
  return inTransaction(database, async (transaction) => {
    const row = await lockWebhook(webhookId, transaction);
    const before = termsOf(row);
    await row.update({ ...change, ...(change.state && { reason: null }) }, { transaction });
    await audit("webhooks.changed", webhookId, origin, transaction, {
      before,
      after: termsOf(row),
    });
    if (change.state === "active") await releaseHeld(webhookId, transaction);
    if (change.state === "off") await dropHeld(webhookId, transaction);
    return row;
  });
}

/** Puts a new sealed secret in place. The one before signs too, for a day. */
export async function rotateSecret(
  database: Database,
  webhookId: string,
  secret: string,
  origin: Origin,
): Promise<Webhook> {
  return inTransaction(database, async (transaction) => {
    const row = await lockWebhook(webhookId, transaction);
    const previousUntil = secondsAfter(new Date(), LIMITS.webhookOverlapHours * 3600);
    await row.update({ secret, previousSecret: row.secret, previousUntil }, { transaction });
    await audit("webhooks.secret-rotated", webhookId, origin, transaction);
    return row;
  });
}

/** Removes a webhook. Its deliveries are over, however they stood, and are soon forgotten. */
export async function deleteWebhook(
  database: Database,
  webhookId: string,
  origin: Origin,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const row = await lockWebhook(webhookId, transaction);
    await WebhookDelivery.update(
      { state: "failed", reason: "The webhook was removed.", endedAt: new Date(0) },
      { where: { webhookId }, transaction },
    );
    await row.destroy({ transaction });
    await audit("webhooks.deleted", webhookId, origin, transaction, { before: termsOf(row) });
  });
}

/** Sends one event to one webhook, whatever it listens to. Refuses while it is not active. */
export async function testWebhook(
  database: Database,
  webhookId: string,
  event: Event & { id: string },
  origin: Origin,
): Promise<WebhookDelivery> {
  return inTransaction(database, async (transaction) => {
    const row = await lockWebhook(webhookId, transaction);
    assertActive(row);
    await audit("webhooks.tested", webhookId, origin, transaction);
    return address(row, event, transaction);
  });
}

/** Sends a delivery again, at once and then by the whole schedule; one that still waits for its next try, too. */
export async function replayDelivery(
  database: Database,
  { id: deliveryId, webhookId }: Pick<WebhookDelivery, "id" | "webhookId">,
  origin: Origin,
): Promise<WebhookDelivery> {
  return inTransaction(database, async (transaction) => {
    assertActive(await lockWebhook(webhookId, transaction));
    await audit("webhooks.replayed", webhookId, origin, transaction, {
      after: { delivery: deliveryId },
    });
    const [replayed] = await beginRound({ id: deliveryId }, transaction);
    if (!replayed) throw refusal("webhooks/delivery-not-found", "There is no such delivery.");
    return replayed;
  });
}

/** Switches a webhook off for a reason that it gave itself. Twice is written once. */
export async function switchOff(
  webhookId: string,
  reason: string,
  transaction: Transaction,
): Promise<void> {
  const [switched] = await Webhook.update(
    { state: "off", reason },
    { where: { id: webhookId, state: ["active", "paused"] }, transaction },
  );
  if (switched === 0) return;
  await dropHeld(webhookId, transaction);
  await audit("webhooks.switched-off", webhookId, { actor: null }, transaction, {
    after: { reason },
  });
}

/** While the webhook is locked nothing new is held, so this comes to an end. */
async function releaseHeld(webhookId: string, transaction: Transaction): Promise<void> {
  while ((await beginRound({ webhookId, state: "held" }, transaction)).length > 0);
}

const BEGIN_AT_ONCE = 500;

/** Makes deliveries pending once more, each in a round of its own, and sends them in the order in which they came. */
async function beginRound(
  where: { id: string } | { webhookId: string; state: "held" },
  transaction: Transaction,
): Promise<WebhookDelivery[]> {
  const order: [string, "ASC"][] = [["id", "ASC"]];
  const found = await WebhookDelivery.findAll({ where, order, limit: BEGIN_AT_ONCE, transaction });
  const ids = found.map(({ id }) => id);
  await WebhookDelivery.update(
    {
      state: "pending",
      round: literal("round + 1"),
      attempts: 0,
      lastStatus: null,
      reason: null,
      nextAttemptAt: null,
      endedAt: null,
    },
    { where: { id: ids }, transaction },
  );
  const begun = await WebhookDelivery.findAll({ where: { id: ids }, order, transaction });
  for (const delivery of begun) await send(delivery, transaction);
  return begun;
}

async function dropHeld(webhookId: string, transaction: Transaction): Promise<void> {
  await WebhookDelivery.update(
    { state: "failed", reason: "The webhook was switched off.", endedAt: new Date() },
    { where: { webhookId, state: "held" }, transaction },
  );
}

/** The row, locked until the transaction ends: its state and its deliveries change together. */
async function lockWebhook(webhookId: string, transaction: Transaction): Promise<Webhook> {
  const row = await Webhook.findByPk(webhookId, { transaction, lock: transaction.LOCK.UPDATE });
  if (!row) throw refusal("webhooks/not-found", "There is no such webhook.");
  return row;
}

function assertActive({ state }: Webhook): void {
  if (state === "active") return;
  throw refusal("webhooks/not-active", `This webhook is ${state}. Make it active first.`);
}

/** What the audit shows; of the address only where it leads, since its path may hold a token. */
function termsOf({ url, events, description, state }: Webhook) {
  return { address: new URL(url).origin, events, description, state };
}

function audit(
  action: string,
  subjectId: string,
  origin: Origin,
  transaction: Transaction,
  change: Pick<Audit, "before" | "after"> = {},
): Promise<void> {
  const { actor, address, requestId } = origin;
  const from = { ...(address && { address }), ...(requestId && { requestId }) };
  return recordAudit(
    { actor, ...from, action, subjectKind: "webhook", subjectId, ...change },
    transaction,
  );
}
