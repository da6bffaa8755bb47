import { Webhook as Verifier } from "standardwebhooks";
import { describe, expect, test, vi } from "vitest";
import { Account } from "../../../models/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { AuditEntry } from "../../../models/operations.ts";
import {
  changeWebhook,
  deleteWebhook,
  replayDelivery,
  rotateSecret,
  Webhook,
  WebhookAttempt,
  WebhookDelivery,
} from "../../../models/webhooks/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { type ReceivedRequest, startReceiver, status } from "../../support/receiver.ts";
import {
  anotherSecret,
  deliveryTo,
  makeEvent,
  makeWebhook,
  openWebhookBench,
  ORIGIN,
} from "../../support/webhooks.ts";

/** A receiver, a webhook that leads to it, and a delivery on its way. */
async function openScene(...given: Parameters<typeof startReceiver>) {
  const bench = await openWebhookBench();
  const receiver = await startReceiver(...given);
  const { webhook, secret } = await makeWebhook(bench.database, {
    url: `${receiver.address}/hook?a=b`,
  });
  const event = makeEvent();
  const delivery = await deliveryTo(bench.database, webhook, event);
  return { ...bench, receiver, webhook, secret, event, delivery };
}

/** What a receiver sees that checks the signature; throws when it is wrong. */
const verified = (secret: string, { body, headers }: ReceivedRequest) =>
  new Verifier(secret).verify(body, headers as Record<string, string>);

const attemptsOf = ({ id: deliveryId }: WebhookDelivery) =>
  WebhookAttempt.findAll({ where: { deliveryId }, order: ["round", "number"] });

describe("a message", () => {
  test("is signed so that anybody's Standard Webhooks library takes it, and nobody without the secret", async () => {
    const { attempt, delivery, receiver, secret, event, webhook } = await openScene();

    expect(await attempt(delivery)).toEqual({ outcome: "delivered" });

    const [request] = receiver.received;
    expect(request).toMatchObject({
      method: "POST",
      path: "/hook?a=b",
      headers: {
        "content-type": "application/json",
        "user-agent": "Longhaul/0.0.0-test",
        "webhook-id": event.id,
      },
    });
    expect(verified(secret, request!)).toEqual({
      type: "package.published",
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      data: event.data,
    });
    const { secret: other } = anotherSecret(webhook);
    expect(() => verified(other, request!)).toThrow(/signature/);
    const forged = { ...request!, body: request!.body.replace("1001", "1002") };
    expect(() => verified(secret, forged)).toThrow(/signature/);
  });

  test("is signed by both secrets for a day after a rotation, and then by the new one alone", async () => {
    const { database, attempt, delivery, receiver, webhook, secret } = await openScene(status(500));
    const { secret: next, sealed } = anotherSecret(webhook);
    await rotateSecret(database, webhook.id, sealed, ORIGIN);

    await attempt(delivery);
    vi.useFakeTimers({ now: Date.now() + 24 * 3600_000 + 1000, toFake: ["Date"] });
    try {
      await attempt(delivery, 2);
      const [during, after] = receiver.received;

      expect(() => verified(next, after!)).not.toThrow();
      expect(() => verified(secret, after!)).toThrow(/signature/);
      vi.useRealTimers();
      expect(() => verified(next, during!)).not.toThrow();
      expect(() => verified(secret, during!)).not.toThrow();
    } finally {
      vi.useRealTimers();
    }
  });

  test("is the same in every try, but for the moment that is signed with it", async () => {
    const { attempt, delivery, receiver, secret, event } = await openScene(status(500));

    await attempt(delivery, 1);
    await attempt(delivery, 2);

    const [first, second] = receiver.received;
    expect(second!.body).toBe(first!.body);
    expect(second!.headers["webhook-id"]).toBe(event.id);
    expect(() => verified(secret, second!)).not.toThrow();
  });
});

describe("what came back", () => {
  test.each([
    [200, "delivered", undefined],
    [299, "delivered", undefined],
    [301, "refused", "The address answered 301: it redirects."],
    [400, "refused", "The address answered 400."],
    [404, "refused", "The address answered 404."],
    [410, "gone", "The address answered 410 Gone."],
    [500, "refused", "The address answered 500."],
  ])("%i is %s", async (code, outcome, reason) => {
    const { attempt, delivery, receiver } = await openScene((response) =>
      response.writeHead(code, { Location: "/elsewhere" }).end("because"),
    );

    const result = await attempt(delivery);

    expect(result).toEqual({ outcome, ...(reason && { reason }) });
    expect(receiver.received).toHaveLength(1);
    expect(await attemptsOf(delivery)).toMatchObject([
      { round: 1, number: 1, status: code, error: reason ?? null, excerpt: "because" },
    ]);
    expect(await WebhookDelivery.findByPk(delivery.id)).toMatchObject({
      state: "pending",
      attempts: 1,
      lastStatus: code,
    });
  });

  test.each([
    [429, "120", 120],
    [503, "120", 120],
    [500, "120", undefined],
    [503, "soon", undefined],
    [503, "-5", undefined],
    [503, new Date(0).toUTCString(), undefined],
  ])("%i with Retry-After: %s asks for a pause of %s seconds", async (code, given, seconds) => {
    const { attempt, delivery } = await openScene(status(code, { "Retry-After": given }));

    expect((await attempt(delivery)).retryAfterSeconds).toBe(seconds);
  });

  test("a date in Retry-After is a pause until then", async () => {
    const later = new Date(Date.now() + 3600_000).toUTCString();
    const { attempt, delivery } = await openScene(status(503, { "Retry-After": later }));

    const { retryAfterSeconds } = await attempt(delivery);

    expect(retryAfterSeconds).toBeGreaterThan(3500);
    expect(retryAfterSeconds).toBeLessThanOrEqual(3600);
  });

  test("is kept only in its beginning", async () => {
    const { attempt, delivery } = await openScene((response) =>
      response.writeHead(500).end("x".repeat(1_000_000)),
    );

    await attempt(delivery);

    const [{ excerpt } = {}] = await attemptsOf(delivery);
    expect(excerpt).toBe("x".repeat(1024));
  });

  test("may be nothing: a closed door, a cut connection, a name that is private", async () => {
    const { database, attempt, delivery, receiver, webhook } = await openScene((response) =>
      response.destroy(),
    );
    const change = (url: string) => changeWebhook(database, webhook.id, { url }, ORIGIN);

    const cut = await attempt(delivery, 1);
    await change("http://127.0.0.1:1/");
    const closed = await attempt(delivery, 2);
    await change(`http://[::1]:${receiver.port}/`);
    const refused = await attempt(delivery, 3);

    expect([cut, closed, refused]).toEqual([
      { outcome: "refused", reason: "The address cannot be reached: UND_ERR_SOCKET" },
      { outcome: "refused", reason: "The address cannot be reached: ECONNREFUSED" },
      {
        outcome: "refused",
        reason: "The address does not lead to a public host. See OUTBOUND_ALLOW.",
      },
    ]);
    expect((await attemptsOf(delivery)).map((one) => one.status)).toEqual([null, null, null]);
  });
});

test("a receiver that does not answer in time is tried again", async () => {
  const { database, attempt } = await openWebhookBench({ patienceMs: 100 });
  const { address } = await startReceiver(() => {});
  const { webhook } = await makeWebhook(database, { url: address });

  expect(await attempt(await deliveryTo(database, webhook))).toEqual({
    outcome: "refused",
    reason: "The address did not answer within 20 seconds.",
  });
});

describe("an activity that runs twice", () => {
  test("sends a try that was cut off again under the same webhook-id", async () => {
    const { attempt, delivery, receiver, event, database } = await openScene();
    await attempt(delivery);
    // The worker was killed after the receiver had answered and before that was noted.
    await inTransaction(database, (transaction) =>
      WebhookAttempt.destroy({ where: { deliveryId: delivery.id }, transaction }),
    );

    expect(await attempt(delivery)).toEqual({ outcome: "delivered" });

    const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
    expect(ids).toEqual([event.id, event.id]);
    expect(await attemptsOf(delivery)).toHaveLength(1);
  });

  test("does not send a try again that was noted", async () => {
    const { attempt, delivery, receiver } = await openScene(status(500));

    const results = [await attempt(delivery), await attempt(delivery)];

    expect(results[1]).toEqual(results[0]);
    expect(receiver.received).toHaveLength(1);
  });

  test("records an end once: what comes late changes nothing", async () => {
    const { record, delivery, database } = await openScene();
    const ids = { deliveryId: delivery.id, round: 1 };

    await record({ ...ids, state: "delivered" });
    await record({ ...ids, state: "failed", reason: "late" });
    await replayDelivery(database, delivery, ORIGIN);
    await record({ ...ids, state: "failed", reason: "of the round before" });

    expect(await WebhookDelivery.findByPk(delivery.id)).toMatchObject({
      state: "pending",
      round: 2,
      reason: null,
    });
  });
});

describe("a webhook that changes on the way", () => {
  const stands = async ({ id }: WebhookDelivery) =>
    (await WebhookDelivery.findByPk(id, { rejectOnEmpty: true })).state;

  test("paused: the delivery is held and nothing is sent", async () => {
    const { database, attempt, delivery, receiver, webhook } = await openScene();
    await changeWebhook(database, webhook.id, { state: "paused" }, ORIGIN);

    expect(await attempt(delivery)).toEqual({ outcome: "held" });

    expect(await stands(delivery)).toBe("held");
    expect(receiver.received).toEqual([]);
  });

  test("off: the delivery has failed", async () => {
    const { database, attempt, delivery, receiver, webhook } = await openScene();
    await changeWebhook(database, webhook.id, { state: "off" }, ORIGIN);

    expect(await attempt(delivery)).toEqual({ outcome: "over" });

    expect(await stands(delivery)).toBe("failed");
    expect(receiver.received).toEqual([]);
  });

  test("removed: nothing is sent any more", async () => {
    const { database, attempt, delivery, receiver, webhook } = await openScene();
    await deleteWebhook(database, webhook.id, ORIGIN);

    expect(await attempt(delivery)).toEqual({ outcome: "over" });

    expect(receiver.received).toEqual([]);
  });

  test("gone: it is switched off, once, and says why", async () => {
    const { attempt, record, delivery, webhook } = await openScene(status(410));
    const { reason } = await attempt(delivery);
    const end = { deliveryId: delivery.id, round: 1, state: "failed" } as const;

    await record({ ...end, reason: reason!, switchOff: true });
    await record({ ...end, reason: reason!, switchOff: true });

    expect(await Webhook.findByPk(webhook.id)).toMatchObject({ state: "off", reason });
    expect(await AuditEntry.findAll({ where: { action: "webhooks.switched-off" } })).toMatchObject([
      { subjectId: webhook.id, actorId: null, after: { reason } },
    ]);
  });

  test("its owner may not sign in any more: it is switched off and sends nothing", async () => {
    const { database, attempt, receiver } = await openScene();
    const ownerId = newId();
    await inTransaction(database, (transaction) =>
      Account.create(
        { id: ownerId, username: "gone", passwordHash: "x", role: "admin", isActive: false },
        { transaction },
      ),
    );
    const { webhook } = await makeWebhook(database, { url: receiver.address, ownerId });
    const delivery = await deliveryTo(database, webhook);

    expect(await attempt(delivery)).toEqual({ outcome: "over" });

    expect(receiver.received).toEqual([]);
    expect(await Webhook.findByPk(webhook.id)).toMatchObject({ state: "off" });
    expect(await stands(delivery)).toBe("failed");
  });
});
