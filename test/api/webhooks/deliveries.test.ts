import { describe, expect, test } from "vitest";
import { inTransaction } from "../../../models/database.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import { moveDelivery, noteAttempt, type Webhook } from "../../../models/webhooks/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { ADMIN, startApi } from "../../support/api.ts";
import { deliveryTo, makeWebhook } from "../../support/webhooks.ts";

const STRANGER = {
  ...ADMIN,
  accountId: newId(),
  permissions: ADMIN.permissions.filter((word) => word !== "webhooks:oversee"),
};

/** An API with a webhook of the administrator's. */
async function openScene() {
  const api = await startApi();
  const { database } = api.services;
  const { webhook } = await makeWebhook(database);
  const path = `/api/v1/webhooks/${webhook.id}/deliveries`;
  return { api, database, webhook, path };
}

/** A delivery whose first try came to nothing, for good. */
async function failedDelivery({ database }: { database: Scene["database"] }, webhook: Webhook) {
  const delivery = await deliveryTo(database, webhook);
  const ids = { deliveryId: delivery.id, round: 1 };
  await inTransaction(database, async (transaction) => {
    await noteAttempt(
      {
        ...ids,
        number: 1,
        startedAt: new Date(),
        durationMs: 12,
        status: 500,
        error: "The address answered 500.",
        excerpt: "because",
      },
      transaction,
    );
    const reason = "The address answered 500.";
    await moveDelivery(ids, { state: "failed", reason }, transaction);
  });
  return delivery;
}

type Scene = Awaited<ReturnType<typeof openScene>>;

describe("GET /api/v1/webhooks/:id/deliveries", () => {
  test("lists the newest first, page by page, and by state", async () => {
    const { api, database, webhook, path } = await openScene();
    const failed = await failedDelivery({ database }, webhook);
    const waiting = await deliveryTo(database, webhook);

    const first = await api.call(ADMIN, "GET", `${path}?limit=1`);
    const second = await api.call(ADMIN, "GET", `${path}?limit=1&after=${first.body.next}`);
    const bad = await api.call(ADMIN, "GET", `${path}?state=failed`);

    expect(first.body.items).toMatchObject([{ id: waiting.id, state: "pending", attempts: 0 }]);
    expect(second.body).toMatchObject({ items: [{ id: failed.id }], next: null });
    expect(bad.body.items).toMatchObject([
      {
        id: failed.id,
        event: "package.published",
        event_id: failed.eventId,
        last_status: 500,
        reason: "The address answered 500.",
        attempts: 1,
      },
    ]);
    expect(await api.call(STRANGER, "GET", path)).toMatchObject({ status: 404 });
    expect(await api.call(ADMIN, "GET", `${path}?state=lost`)).toMatchObject({ status: 422 });
  });
});

describe("GET /api/v1/webhooks/:id/deliveries/:delivery", () => {
  test("shows the message and every try, and a delivery of another webhook as missing", async () => {
    const { api, database, webhook, path } = await openScene();
    const delivery = await failedDelivery({ database }, webhook);
    const { webhook: another } = await makeWebhook(database);

    const { body } = await api.call(ADMIN, "GET", `${path}/${delivery.id}`);
    const elsewhere = path.replace(webhook.id, another.id);

    expect(body).toMatchObject({
      id: delivery.id,
      state: "failed",
      body: delivery.body,
      tries: [{ round: 1, number: 1, status: 500, duration_ms: 12, response_excerpt: "because" }],
    });
    expect(await api.call(ADMIN, "GET", `${elsewhere}/${delivery.id}`)).toMatchObject({
      status: 404,
      body: { code: "webhooks/delivery-not-found" },
    });
    expect(await api.call(STRANGER, "GET", `${path}/${delivery.id}`)).toMatchObject({
      status: 404,
    });
  });
});

describe("POST /api/v1/webhooks/:id/deliveries/:delivery/replay", () => {
  test("orders a new round of the same message, once for one Idempotency-Key", async () => {
    const { api, database, webhook, path } = await openScene();
    const delivery = await failedDelivery({ database }, webhook);
    const replay = () =>
      api.call(ADMIN, "POST", `${path}/${delivery.id}/replay`, {
        headers: { "Idempotency-Key": "replay-1" },
      });

    const answers = [await replay(), await replay()];

    for (const { status, body } of answers) {
      expect(status).toBe(202);
      expect(body).toMatchObject({ id: delivery.id, event_id: delivery.eventId, round: 2 });
    }
    const orders = await OutboxEntry.findAll({ order: [["id", "ASC"]] });
    expect(orders.slice(1)).toMatchObject([{ command: { argument: { round: 2 } } }]);
    expect(await AuditEntry.count({ where: { action: "webhooks.replayed" } })).toBe(1);
  });

  test("refuses while the webhook is not active, and what is not there", async () => {
    const { api, database, webhook, path } = await openScene();
    const delivery = await failedDelivery({ database }, webhook);
    const replay = (id: string) => api.call(ADMIN, "POST", `${path}/${id}/replay`);
    const one = `/api/v1/webhooks/${webhook.id}`;

    expect(await replay(newId())).toMatchObject({
      status: 404,
      body: { code: "webhooks/delivery-not-found" },
    });
    await api.call(ADMIN, "PATCH", one, { json: { state: "paused" } });
    expect(await replay(delivery.id)).toMatchObject({
      status: 409,
      body: { code: "webhooks/not-active" },
    });
  });
});
