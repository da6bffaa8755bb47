import { expect, test } from "vitest";
import { type Database, inTransaction } from "../../models/database.ts";
import { AuditEntry, OutboxEntry } from "../../models/operations.ts";
import type { Webhook } from "../../models/webhooks/index.ts";
import {
  changeWebhook,
  deleteWebhook,
  emit,
  forgetDeliveries,
  moveDelivery,
  replayDelivery,
  rotateSecret,
  testWebhook,
  WebhookAttempt,
  WebhookDelivery,
} from "../../models/webhooks/index.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases } from "../support/database.ts";
import {
  anotherSecret,
  deliveryTo,
  emitAlone,
  makeEvent,
  makeWebhook,
  ORIGIN,
} from "../support/webhooks.ts";

const orders = () => OutboxEntry.findAll({ order: [["id", "ASC"]] });
const standing = async ({ id }: WebhookDelivery) =>
  (await WebhookDelivery.findByPk(id, { rejectOnEmpty: true })).state;
const setState = (database: Database, { id }: Webhook, state: Webhook["state"]) =>
  changeWebhook(database, id, { state }, ORIGIN);
const end = (database: Database, { id, round }: WebhookDelivery, state: "delivered" | "failed") =>
  inTransaction(database, (transaction) =>
    moveDelivery({ deliveryId: id, round }, { state }, transaction),
  );

describeDatabases(({ open }) => {
  test("an event leaves with its transaction, as one delivery and one order for each webhook that listens", async () => {
    const database = await open();
    const { webhook } = await makeWebhook(database);
    await makeWebhook(database, { events: ["package.run_ended"] });
    const event = makeEvent();

    await emitAlone(database, event);

    const deliveries = await WebhookDelivery.findAll();
    expect(deliveries).toMatchObject([
      { webhookId: webhook.id, eventId: event.id, event: event.type, state: "pending", round: 1 },
    ]);
    const [{ id: deliveryId, body } = {}] = deliveries;
    expect(JSON.parse(body!)).toMatchObject({ type: event.type, data: event.data });
    expect(await orders()).toMatchObject([
      {
        workflow: "webhookDelivery",
        workflowId: `webhook/${deliveryId}`,
        input: { deliveryId, round: 1, event: event.type },
        command: null,
        kind: "webhook",
        subject: webhook.id,
      },
    ]);
  });

  test("an event whose transaction fails never was", async () => {
    const database = await open();
    await makeWebhook(database);

    const failing = inTransaction(database, async (transaction) => {
      await emit(makeEvent(), transaction);
      throw new Error("the change failed");
    });

    await expect(failing).rejects.toThrow("the change failed");
    expect(await WebhookDelivery.count()).toBe(0);
    expect(await OutboxEntry.count()).toBe(0);
  });

  test("the same event again reaches only who came since", async () => {
    const database = await open();
    await makeWebhook(database);
    const event = await emitAlone(database);
    const { webhook: late } = await makeWebhook(database);

    await emitAlone(database, event);
    await emitAlone(database, event);

    const told = await WebhookDelivery.findAll({ order: [["id", "ASC"]] });
    expect(told).toHaveLength(2);
    expect(told[1]?.webhookId).toBe(late.id);
    expect(await OutboxEntry.count()).toBe(2);
  });

  test("a paused webhook holds what happens, and sends it in its order when it is active again", async () => {
    const database = await open();
    const { webhook } = await makeWebhook(database);
    await setState(database, webhook, "paused");
    const [first, second] = [
      await deliveryTo(database, webhook),
      await deliveryTo(database, webhook),
    ];
    expect([await standing(first), await standing(second)]).toEqual(["held", "held"]);
    expect(await OutboxEntry.count()).toBe(0);

    await setState(database, webhook, "active");

    expect([await standing(first), await standing(second)]).toEqual(["pending", "pending"]);
    expect((await orders()).map(({ input }) => input)).toMatchObject([
      { deliveryId: first.id, round: 2 },
      { deliveryId: second.id, round: 2 },
    ]);
  });

  test("a webhook that is off hears nothing, and what was held for it has failed", async () => {
    const database = await open();
    const { webhook } = await makeWebhook(database);
    await setState(database, webhook, "paused");
    const held = await deliveryTo(database, webhook);

    await setState(database, webhook, "off");
    await emitAlone(database);

    expect(await WebhookDelivery.findAll()).toMatchObject([
      { id: held.id, state: "failed", reason: "The webhook was switched off." },
    ]);
  });

  test("events and resumptions at the same time leave nothing behind", async () => {
    const database = await open();
    const { webhook } = await makeWebhook(database);

    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        if (n % 4 === 0) await setState(database, webhook, n % 8 === 0 ? "paused" : "active");
        else await emitAlone(database);
      }),
    );
    await setState(database, webhook, "active");

    expect(await WebhookDelivery.count({ where: { state: "pending" } })).toBe(15);
    expect(await WebhookDelivery.count()).toBe(15);
  });

  test("a replay is a round of its own, however the delivery stands; two replays are two", async () => {
    const database = await open();
    const { webhook } = await makeWebhook(database);
    const delivery = await deliveryTo(database, webhook);
    await end(database, delivery, "failed");

    await replayDelivery(database, delivery, ORIGIN);
    const again = await replayDelivery(database, delivery, ORIGIN);

    expect(again).toMatchObject({ id: delivery.id, state: "pending", round: 3, endedAt: null });
    expect((await orders()).slice(1)).toMatchObject([
      { workflowId: `webhook/${delivery.id}`, command: { update: "sendAgain" } },
      { command: { update: "sendAgain", argument: { round: 3 } } },
    ]);
  });

  test("nothing is sent or replayed while a webhook is not active", async () => {
    const database = await open();
    const { webhook } = await makeWebhook(database);
    const delivery = await deliveryTo(database, webhook);
    const tested = { id: newId(), type: "webhook.tested", data: { webhook: webhook.id } } as const;

    for (const state of ["paused", "off"] as const) {
      await setState(database, webhook, state);
      const refused = { type: "webhooks/not-active" };
      await expect(replayDelivery(database, delivery, ORIGIN)).rejects.toMatchObject(refused);
      await expect(testWebhook(database, webhook.id, tested, ORIGIN)).rejects.toMatchObject(
        refused,
      );
    }
  });

  test("every change of a webhook stands in the audit, and no secret and no path of its address", async () => {
    const database = await open();
    const { webhook } = await makeWebhook(database, { url: "https://a.test/canary?token=canary" });
    const { sealed } = anotherSecret(webhook);

    await changeWebhook(database, webhook.id, { url: "https://b.test/canary" }, ORIGIN);
    await rotateSecret(database, webhook.id, sealed, ORIGIN);
    await deleteWebhook(database, webhook.id, ORIGIN);

    const entries = await AuditEntry.findAll({ order: [["id", "ASC"]] });
    expect(entries).toMatchObject([
      { action: "webhooks.created", after: { address: "https://a.test" } },
      {
        action: "webhooks.changed",
        before: { address: "https://a.test" },
        after: { address: "https://b.test" },
      },
      { action: "webhooks.secret-rotated" },
      { action: "webhooks.deleted", subjectKind: "webhook", subjectId: webhook.id },
    ]);
    expect(JSON.stringify(entries)).not.toMatch(/canary|whsec|v1\./);
  });

  test("a removed webhook's deliveries are forgotten with their tries, as are old ones that ended", async () => {
    const database = await open();
    const { webhook } = await makeWebhook(database);
    const { webhook: other } = await makeWebhook(database);
    const removed = await deliveryTo(database, webhook);
    const [ended, open_] = [await deliveryTo(database, other), await deliveryTo(database, other)];
    await inTransaction(database, (transaction) =>
      WebhookAttempt.create(
        {
          deliveryId: removed.id,
          round: 1,
          number: 1,
          startedAt: new Date(),
          durationMs: 1,
          status: null,
          error: null,
          excerpt: null,
        },
        { transaction },
      ),
    );
    await end(database, ended, "delivered");

    await deleteWebhook(database, webhook.id, ORIGIN);
    await forgetDeliveries(database, new Date(1));
    expect(await WebhookDelivery.count({ where: { webhookId: webhook.id } })).toBe(0);
    expect(await WebhookAttempt.count()).toBe(0);
    expect(await standing(ended)).toBe("delivered");
    await forgetDeliveries(database, new Date(Date.now() + 1000));

    const left = await WebhookDelivery.findAll();
    expect(left.map(({ id }) => id)).toContain(open_.id);
    expect(left.map(({ id }) => id)).not.toContain(ended.id);
  });
});
