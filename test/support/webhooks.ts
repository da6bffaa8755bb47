import { randomUUID } from "node:crypto";
import { MockActivityEnvironment } from "@temporalio/testing";
import { onTestFinished } from "vitest";
import type { DeliveryRecord, TryResult } from "../../activities/webhooks/contract.ts";
import { createWebhookActivities } from "../../activities/webhooks/index.ts";
import type { WebhookTools } from "../../activities/webhooks/tools.ts";
import type { OutwardEvent } from "../../domain/webhooks.ts";
import { type Database, inTransaction } from "../../models/database.ts";
import {
  createWebhook,
  emit,
  secretPlace,
  type Webhook,
  WebhookDelivery,
} from "../../models/webhooks/index.ts";
import { deriveKey, makeSigningSecret, newId, seal, unseal } from "../../platform/crypto.ts";
import { openOutbound } from "../../platform/outbound.ts";
import { ADMIN } from "./api.ts";
import { openTestDatabase } from "./database.ts";

const KEY = deriveKey("a secret key for tests, long enough", "columns");

/** Where changes come from in tests. */
export const ORIGIN = { actor: ADMIN, address: "127.0.0.1", requestId: "r" };

/** An event that a webhook may listen to. */
export function makeEvent(given: Partial<OutwardEvent> = {}): OutwardEvent {
  const facts = { package: "1001", version: "1.0.0", run: randomUUID(), number: 1 };
  const data = { ...facts, kind: "upload" } as const;
  return { id: newId(), type: "package.published", data, ...given } as OutwardEvent;
}

/** A webhook of the administrator's that listens to publications; its secret as its holder has it. */
export async function makeWebhook(
  database: Database,
  given: Partial<Pick<Webhook, "url" | "events" | "ownerId">> = {},
): Promise<{ webhook: Webhook; secret: string }> {
  const id = newId();
  const secret = makeSigningSecret();
  const webhook = await createWebhook(
    database,
    {
      id,
      ownerId: ADMIN.accountId,
      url: "http://127.0.0.1:9/",
      events: ["package.published"],
      description: null,
      secret: seal(KEY, secret, secretPlace(id)),
      ...given,
    },
    ORIGIN,
  );
  return { webhook, secret };
}

/** Another secret for a webhook, and as it is kept. */
export function anotherSecret({ id }: Webhook): { secret: string; sealed: string } {
  const secret = makeSigningSecret();
  return { secret, sealed: seal(KEY, secret, secretPlace(id)) };
}

/** Emits an event by itself. */
export async function emitAlone(database: Database, event = makeEvent()): Promise<OutwardEvent> {
  await inTransaction(database, (transaction) => emit(event, transaction));
  return event;
}

/** Emits an event and answers the delivery that a webhook got of it. */
export async function deliveryTo(
  database: Database,
  { id: webhookId }: Webhook,
  event = makeEvent(),
): Promise<WebhookDelivery> {
  await emitAlone(database, event);
  return WebhookDelivery.findOne({
    where: { webhookId, eventId: event.id },
    rejectOnEmpty: true,
  });
}

/** The activities of webhooks on a database of their own; 127.0.0.1 is opened for them, with less patience if so given. */
export async function openWebhookBench({ patienceMs }: { patienceMs?: number } = {}) {
  const database = await openTestDatabase();
  const outbound = openOutbound([{ host: "127.0.0.1" }]);
  onTestFinished(() => outbound.close());
  const tools: WebhookTools = {
    database,
    outbound: {
      ...outbound,
      request: (asked) => outbound.request({ ...asked, timeoutMs: patienceMs ?? asked.timeoutMs }),
    },
    unseal: (sealed: string, place: string) => unseal(KEY, sealed, place),
    version: "0.0.0-test",
  };
  const activities = createWebhookActivities(tools);
  const run = new MockActivityEnvironment();
  return {
    database,
    tools,
    attempt: ({ id: deliveryId, round }: WebhookDelivery, number = 1): Promise<TryResult> =>
      run.run(() => activities.attemptDelivery({ deliveryId, round, number })),
    record: (record: DeliveryRecord): Promise<void> =>
      run.run(() => activities.recordDelivery(record)),
  };
}
