import { randomUUID } from "node:crypto";
import type { Client } from "@temporalio/client";
import { pino } from "pino";
import { Webhook as Verifier } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { createWebhookActivities } from "../../activities/webhooks/index.ts";
import { workflowId } from "../../domain/ids.ts";
import { QUEUES } from "../../domain/queues.ts";
import type { Database } from "../../models/database.ts";
import { OutboxEntry } from "../../models/operations.ts";
import type { Webhook, WebhookDelivery } from "../../models/webhooks/index.ts";
import { changeWebhook, replayDelivery, WebhookAttempt } from "../../models/webhooks/index.ts";
import { openLocalBus } from "../../platform/bus.ts";
import { startRelay } from "../../workers/relay.ts";
import { sendAgain, webhookDelivery } from "../../workflows/webhooks.ts";
import { fakeWebhooks, refused } from "../support/fakes/webhook-activities.ts";
import { startReceiver, status, type Receiver } from "../support/receiver.ts";
import { withWorkers } from "../support/temporal.ts";
import { until } from "../support/until.ts";
import { deliveryTo, makeWebhook, openWebhookBench, ORIGIN } from "../support/webhooks.ts";

const ALL = Object.values(QUEUES);
const NO_PARENT = { on: () => undefined, off: () => undefined };

const start = (client: Client) =>
  client.workflow.start(webhookDelivery, {
    taskQueue: QUEUES.orchestrator,
    workflowId: workflowId("webhook", randomUUID()),
    args: [{ deliveryId: "d", round: 1, event: "package.published" }],
  });

/** Everything that delivers, on the real thing: rows, outbox, relay, workflow, activities, a receiver. */
async function withDelivery(
  receiver: Receiver,
  body: (scene: {
    database: Database;
    client: Client;
    webhook: Webhook;
    secret: string;
  }) => Promise<void>,
): Promise<void> {
  const { database, tools } = await openWebhookBench();
  const { webhook, secret } = await makeWebhook(database, { url: receiver.address });
  await withWorkers(ALL, createWebhookActivities(tools), async ({ client }) => {
    const stop = startRelay({
      database,
      temporal: client,
      bus: openLocalBus(NO_PARENT),
      log: pino({ level: "silent" }),
      fault: () => undefined,
    });
    try {
      await body({ database, client, webhook, secret });
    } finally {
      await stop();
    }
  });
}

const stands = (delivery: WebhookDelivery, state: WebhookDelivery["state"], round = 1) =>
  until(async () => {
    const { state: now, round: at } = await delivery.reload();
    return now === state && at === round;
  });

describe("a delivery, from the transaction to the receiver", () => {
  test("comes signed, is tried again after a failure, and its history knows no secret, no message and no address", async () => {
    const receiver = await startReceiver((response, _, count) =>
      response.writeHead(count === 1 ? 500 : 204).end(),
    );

    await withDelivery(receiver, async ({ database, client, webhook, secret }) => {
      const delivery = await deliveryTo(database, webhook);
      await stands(delivery, "delivered");
      const handle = client.workflow.getHandle(workflowId("webhook", delivery.id));
      await handle.result();

      expect(receiver.received).toHaveLength(2);
      for (const { body, headers } of receiver.received) {
        const signed = headers as Record<string, string>;
        expect(new Verifier(secret).verify(body, signed)).toMatchObject({
          type: "package.published",
        });
        expect(headers["webhook-id"]).toBe(delivery.eventId);
      }
      const description = await handle.describe();
      expect(description.staticSummary && (await description.staticSummary())).toBe(
        "Tell a webhook: package.published",
      );
      expect(description.searchAttributes).toMatchObject({
        Kind: ["webhook"],
        Subject: [webhook.id],
        Stage: ["delivered"],
      });
      const history = decoded(await handle.fetchHistory());
      expect(history).toContain("deliveryId");
      for (const hidden of ["whsec_", webhook.secret, receiver.address, '"1001"']) {
        expect(history).not.toContain(hidden);
      }
      expect(await OutboxEntry.count()).toBe(0);
    });
  });

  test("switches the webhook off when the address is gone, and may be replayed when it is back", async () => {
    const receiver = await startReceiver(status(410));

    await withDelivery(receiver, async ({ database, webhook }) => {
      const delivery = await deliveryTo(database, webhook);
      await stands(delivery, "failed");
      await until(async () => (await webhook.reload()).state === "off");

      receiver.answer(status(200));
      await changeWebhook(database, webhook.id, { state: "active" }, ORIGIN);
      await replayDelivery(database, delivery, ORIGIN);
      await stands(delivery, "delivered", 2);

      const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
      expect(ids).toEqual([delivery.eventId, delivery.eventId]);
      expect(
        await WebhookAttempt.findAll({ where: { deliveryId: delivery.id }, order: ["round"] }),
      ).toMatchObject([
        { round: 1, number: 1, status: 410 },
        { round: 2, number: 1, status: 200 },
      ]);
    });
  });

  test("is held while its webhook is paused, and goes on when it is active again", async () => {
    const receiver = await startReceiver(status(500));

    await withDelivery(receiver, async ({ database, webhook }) => {
      const delivery = await deliveryTo(database, webhook);
      await until(() => receiver.received.length === 1);
      await changeWebhook(database, webhook.id, { state: "paused" }, ORIGIN);
      await stands(delivery, "held");

      receiver.answer(status(204));
      await changeWebhook(database, webhook.id, { state: "active" }, ORIGIN);
      await stands(delivery, "delivered", 2);

      expect(receiver.received).toHaveLength(2);
    });
  });
});

describe("the life of a delivery", () => {
  test("a round that is asked for while a try is under way begins when the try has ended", async () => {
    let go = () => {};
    const gone = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { activities, happened } = fakeWebhooks(() => ({ outcome: "delivered" }));
    const slow = {
      ...activities,
      attemptDelivery: async (order: Parameters<typeof activities.attemptDelivery>[0]) => {
        const result = await activities.attemptDelivery(order);
        if (order.round === 1) await gone;
        return result;
      },
    };

    await withWorkers(ALL, slow, async ({ client }) => {
      const handle = await start(client);
      await until(() => happened.includes("try:1.1"));
      await handle.executeUpdate(sendAgain, { args: [{ round: 2 }] });
      go();
      await handle.result();
    });

    expect(happened).toEqual(["try:1.1", "try:2.1", "delivered:2"]);
  });

  test("the same order twice is one round", async () => {
    const { activities, happened } = fakeWebhooks(() => refused);

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await start(client);
      await until(() => happened.includes("pending:1"));
      await handle.executeUpdate(sendAgain, { args: [{ round: 1 }] });
      await handle.cancel();
      await handle.result().catch(() => {});
    });

    expect(happened).toEqual(["try:1.1", "pending:1", "failed:1"]);
  });

  test.each(["held", "over"] as const)(
    "%s ends it without a record of its own",
    async (outcome) => {
      const { activities, happened } = fakeWebhooks(() => ({ outcome }));

      await withWorkers(ALL, activities, async ({ client }) => (await start(client)).result());

      expect(happened).toEqual(["try:1.1"]);
    },
  );
});

/** A history as text, with its payloads as what they hold. */
function decoded(history: object): string {
  return JSON.stringify(history).replaceAll(/"data":"([^"]*)"/g, (_, payload: string) =>
    Buffer.from(payload, "base64").toString(),
  );
}
