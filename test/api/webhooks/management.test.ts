import { describe, expect, test } from "vitest";
import { type Actor, PERMISSIONS, permitsBy } from "../../../domain/accounts.ts";
import { OUTWARD_EVENTS } from "../../../domain/webhooks.ts";
import {
  changeGrants,
  createFirstAdministrator,
  issueApiKey,
  revokeApiKey,
} from "../../../models/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import {
  admitAttempt,
  secretPlace,
  Webhook,
  WebhookDelivery,
} from "../../../models/webhooks/index.ts";
import { deriveKey, newId, unseal } from "../../../platform/crypto.ts";
import { ADMIN, startApi, type StartedApi, STRANGER } from "../../support/api.ts";
import { emitAlone, makeEvent, ORIGIN } from "../../support/webhooks.ts";

const PATH = "/api/v1/webhooks";

/** Manages webhooks of his own and reads packages. */
const OWNER: Actor = {
  accountId: "00000000-0000-7000-8000-000000000003",
  name: "owner",
  permissions: [
    "webhooks:read",
    "webhooks:administer",
    "packages:read",
    "cards:oversee",
    "downloads:oversee",
  ],
};
/** The same rights, another person. */
const OTHER: Actor = {
  ...OWNER,
  accountId: "00000000-0000-7000-8000-000000000004",
  name: "other",
};

const TERMS = { url: "https://93.184.216.34/hook", events: ["package.published"] };

const make = (api: StartedApi, given: object = {}, actor = OWNER) =>
  api.call(actor, "POST", PATH, { json: { ...TERMS, ...given } });

describe("POST /api/v1/webhooks", () => {
  test("makes a webhook, shows its secret once and keeps it sealed", async () => {
    const api = await startApi();

    const { status, body, headers } = await make(api, { description: "chat" });

    expect(status).toBe(201);
    expect(body).toMatchObject({ ...TERMS, description: "chat", state: "active", reason: null });
    expect(body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(headers.get("location")).toBe(`${PATH}/${body.id}`);
    const row = await Webhook.findByPk(body.id, { rejectOnEmpty: true });
    expect(row).toMatchObject({ ownerId: OWNER.accountId });
    const key = deriveKey(api.services.secretKey, "columns");
    expect(unseal(key, row.secret, secretPlace(row.id))).toBe(body.secret);
    const shown = await api.call(OWNER, "GET", `${PATH}/${body.id}`);
    const audit = await AuditEntry.findAll();
    for (const text of [row.secret, shown.body, audit, api.logged]) {
      expect(JSON.stringify(text)).not.toContain(body.secret);
    }
    expect(audit).toMatchObject([
      { action: "webhooks.created", actorName: "owner", subjectId: body.id },
    ]);
  });

  test.each([
    ["http://127.0.0.1:3000/", "webhooks/address-refused"],
    ["http://2130706433/", "webhooks/address-refused"],
    ["http://localhost/", "webhooks/address-refused"],
    ["http://169.254.169.254/latest/meta-data", "webhooks/address-refused"],
    ["https://user:password@93.184.216.34/", "webhooks/address-refused"],
    ["ftp://93.184.216.34/", "webhooks/address-refused"],
    ["nonsense", "webhooks/address-refused"],
    ["https://93.184.216.34:6379/", "webhooks/address-refused"],
  ])("refuses %s", async (url, code) => {
    const api = await startApi();

    const answer = await make(api, { url });

    expect(answer).toMatchObject({ status: 422, body: { code, issues: [{ path: "url" }] } });
    expect(await Webhook.count()).toBe(0);
  });

  test("takes a private address that the operator has opened, on that port only", async () => {
    const api = await startApi({ env: { OUTBOUND_ALLOW: "127.0.0.1:8080, chat.internal" } });

    const statuses = [
      (await make(api, { url: "http://127.0.0.1:8080/" })).status,
      (await make(api, { url: "http://chat.internal:9000/" })).status,
      (await make(api, { url: "http://127.0.0.1:8081/" })).status,
    ];

    expect(statuses).toEqual([201, 201, 422]);
  });

  test("refuses events that do not exist, none, and those that the caller may not read of", async () => {
    const api = await startApi();
    const blind = { ...OWNER, permissions: ["webhooks:administer" as const] };

    expect(await make(api, { events: [] })).toMatchObject({ status: 422 });
    expect(await make(api, { events: ["webhook.tested"] })).toMatchObject({
      status: 422,
      body: { issues: [{ path: "events.0" }] },
    });
    expect(await make(api, {}, blind)).toMatchObject({
      status: 422,
      body: { code: "webhooks/event-beyond-rights" },
    });
  });
});

describe("GET /api/v1/webhooks", () => {
  test("lists a caller's own, page by page, and everybody's for who oversees them", async () => {
    const api = await startApi();
    const mine = [(await make(api)).body.id, (await make(api)).body.id];
    const other = (await make(api, {}, OTHER)).body.id;

    const first = await api.call(OWNER, "GET", `${PATH}?limit=1`);
    const second = await api.call(OWNER, "GET", `${PATH}?limit=1&after=${first.body.next}`);
    const all = await api.call(ADMIN, "GET", PATH);

    const ids = ({ body }: typeof first) => body.items.map(({ id }: { id: string }) => id);
    expect([...ids(first), ...ids(second)]).toEqual(mine.toReversed());
    expect(second.body.next).toBeNull();
    expect(new Set(ids(all))).toEqual(new Set([...mine, other]));
    expect(JSON.stringify(all.body)).not.toContain('secret":"');
  });
});

describe("GET /api/v1/webhooks/:id", () => {
  test("shows a stranger's webhook as missing", async () => {
    const api = await startApi();
    const { body } = await make(api);

    expect(await api.call(OWNER, "GET", `${PATH}/${body.id}`)).toMatchObject({ status: 200 });
    expect(await api.call(ADMIN, "GET", `${PATH}/${body.id}`)).toMatchObject({ status: 200 });
    for (const id of [body.id, newId()]) {
      expect(await api.call(OTHER, "GET", `${PATH}/${id}`)).toMatchObject({
        status: 404,
        body: { code: "webhooks/not-found" },
      });
    }
  });
});

describe("PATCH /api/v1/webhooks/:id", () => {
  test("changes what is said and leaves the rest, and judges an address as at the beginning", async () => {
    const api = await startApi();
    const { body } = await make(api, { description: "chat" });
    const change = (json: object) => api.call(OWNER, "PATCH", `${PATH}/${body.id}`, { json });

    const events = Object.keys(OUTWARD_EVENTS);
    expect(await change({ events })).toMatchObject({ status: 200, body: { events } });
    expect(await change({ description: null })).toMatchObject({ body: { description: null } });
    expect(await change({ url: "http://127.0.0.1/" })).toMatchObject({
      status: 422,
      body: { code: "webhooks/address-refused" },
    });
    expect(await change({ secret: "whsec_mine" })).toMatchObject({ status: 422 });

    expect((await api.call(OWNER, "GET", `${PATH}/${body.id}`)).body).toMatchObject({
      url: TERMS.url,
      events,
      description: null,
    });
  });

  test("pauses a webhook and sends what it missed when it goes on", async () => {
    const api = await startApi();
    const { body } = await make(api);
    const become = (state: string) =>
      api.call(OWNER, "PATCH", `${PATH}/${body.id}`, { json: { state } });

    expect(await become("paused")).toMatchObject({ status: 200, body: { state: "paused" } });
    await emitAlone(api.services.database);
    expect(await OutboxEntry.count()).toBe(0);
    await become("active");

    expect(await OutboxEntry.findAll()).toMatchObject([{ workflow: "webhookDelivery" }]);
  });
});

describe("DELETE /api/v1/webhooks/:id", () => {
  test("removes a webhook for good", async () => {
    const api = await startApi();
    const { body } = await make(api);

    expect(await api.call(OTHER, "DELETE", `${PATH}/${body.id}`)).toMatchObject({ status: 404 });
    expect(await api.call(OWNER, "DELETE", `${PATH}/${body.id}`)).toMatchObject({ status: 200 });

    expect(await api.call(OWNER, "GET", `${PATH}/${body.id}`)).toMatchObject({ status: 404 });
    expect(await Webhook.count()).toBe(0);
  });
});

describe("POST /api/v1/webhooks/:id/rotate-secret", () => {
  test("shows a new secret once and says until when the one before signs too", async () => {
    const api = await startApi();
    const { body } = await make(api);

    const rotated = await api.call(OWNER, "POST", `${PATH}/${body.id}/rotate-secret`);

    expect(rotated).toMatchObject({ status: 200, body: { id: body.id } });
    expect(rotated.body.secret).toMatch(/^whsec_/);
    expect(rotated.body.secret).not.toBe(body.secret);
    const hours = (Date.parse(rotated.body.previous_secret_until) - Date.now()) / 3600_000;
    expect(Math.round(hours)).toBe(24);
    expect(JSON.stringify(await AuditEntry.findAll())).not.toContain("whsec_");
  });
});

describe("POST /api/v1/webhooks/:id/test", () => {
  test("sends webhook.tested whatever the webhook listens to, and only to it", async () => {
    const api = await startApi();
    const { body } = await make(api);
    await make(api);

    const answer = await api.call(OWNER, "POST", `${PATH}/${body.id}/test`);

    expect(answer).toMatchObject({
      status: 202,
      body: { event: "webhook.tested", state: "pending", round: 1, attempts: 0 },
    });
    expect(answer.headers.get("location")).toBe(`${PATH}/${body.id}/deliveries/${answer.body.id}`);
    const deliveries = await WebhookDelivery.findAll();
    expect(deliveries.map(({ webhookId }) => webhookId)).toEqual([body.id]);
    expect(JSON.parse(deliveries[0]!.body)).toMatchObject({ data: { webhook: body.id } });
    expect(await OutboxEntry.count()).toBe(1);
  });

  test("refuses while the webhook is not active", async () => {
    const api = await startApi();
    const { body } = await make(api);
    await api.call(OWNER, "PATCH", `${PATH}/${body.id}`, { json: { state: "off" } });

    expect(await api.call(OWNER, "POST", `${PATH}/${body.id}/test`)).toMatchObject({
      status: 409,
      body: { code: "webhooks/not-active" },
    });
  });
});

describe("rights", () => {
  const ONE = `${PATH}/${newId()}`;
  const NEEDED = {
    "webhooks:read": [
      ["GET", PATH],
      ["GET", ONE],
      ["GET", `${ONE}/deliveries`],
      ["GET", `${ONE}/deliveries/${newId()}`],
    ],
    "webhooks:administer": [
      ["POST", PATH],
      ["PATCH", ONE],
      ["DELETE", ONE],
      ["POST", `${ONE}/rotate-secret`],
      ["POST", `${ONE}/test`],
      ["POST", `${ONE}/deliveries/${newId()}/replay`],
    ],
  } as const;

  test.each(Object.entries(NEEDED))(
    "%s is needed, and every other right is not enough",
    async (need, calls) => {
      const api = await startApi();
      const others = PERMISSIONS.filter((permission) => permission !== need);
      for (const [method, path] of calls) {
        expect((await api.call(undefined, method, path)).status).toBe(401);
        expect(await api.call({ ...STRANGER, permissions: others }, method, path)).toMatchObject({
          status: 403,
          body: { code: "accounts/not-allowed" },
        });
      }
    },
  );
});

describe("webhooks of a key for single packages", () => {
  const webhooks = ["webhooks:read", "webhooks:administer"] as const;

  test("hear of what the key may hear of as it is then, and of nothing else", async () => {
    const { api, actor, key } = await startWithKey();
    const { body: own } = await make(api, {}, actor);
    const { body: all } = await make(api, {}, ADMIN);
    const heard = async () => (await WebhookDelivery.findAll()).map(({ webhookId }) => webhookId);

    await emitAlone(api.services.database, makeEvent());
    expect(new Set(await heard())).toEqual(new Set([all.id, own.id]));

    const event = makeEvent();
    const other = { ...event, data: { ...event.data, package: "1002" } } as typeof event;
    await emitAlone(api.services.database, other);
    expect(await heard()).toHaveLength(3);

    await changeGrants(api.services.database, key, [], ORIGIN);
    await emitAlone(api.services.database, makeEvent());
    expect((await heard()).filter((id) => id === own.id)).toHaveLength(1);
  });

  test("nothing is sent any more when the key was revoked", async () => {
    const { api, actor, key } = await startWithKey();
    const { body: own } = await make(api, {}, actor);
    await emitAlone(api.services.database, makeEvent());
    const { id: deliveryId } = await WebhookDelivery.findOne({ rejectOnEmpty: true });

    await revokeApiKey(api.services.database, key, ORIGIN);
    await emitAlone(api.services.database, makeEvent());
    expect(await WebhookDelivery.count()).toBe(1);
    const admission = await inTransaction(api.services.database, (transaction) =>
      admitAttempt({ deliveryId, round: 1 }, transaction),
    );

    expect(admission).toEqual({ may: "over" });
    expect(await Webhook.findByPk(own.id)).toMatchObject({
      state: "off",
      reason: "Its API key was revoked or has expired.",
    });
  });

  test("the key sees and changes those that it made, and no other of its owner", async () => {
    const { api, actor } = await startWithKey();
    const { body: own } = await make(api, {}, actor);
    const { body: all } = await make(api, {}, ADMIN);

    const listed = await api.call(actor, "GET", PATH);
    const stolen = await api.call(actor, "PATCH", `${PATH}/${all.id}`, {
      json: { url: TERMS.url },
    });

    expect(listed.body.items.map(({ id }: Webhook) => id)).toEqual([own.id]);
    expect(own.key_id).toBe(actor.keyId);
    expect(all.key_id).toBeNull();
    expect(stolen.status).toBe(404);
  });

  async function startWithKey() {
    const api = await startApi();
    const [id, packageId] = [newId(), newId()];
    const { accountId } = ADMIN;
    const account = { id: accountId, username: "admin", passwordHash: "-" };
    await createFirstAdministrator(api.services.database, account);
    const packages = [{ packageId, serial: 1001, rights: ["view" as const] }];
    await issueApiKey(
      api.services.database,
      {
        id,
        accountId,
        name: "ci",
        prefix: "lh_test",
        lastFour: "abcd",
        hash: "0".repeat(64),
        scopes: [...webhooks],
        expiresAt: null,
        packages,
      },
      ORIGIN,
    );
    const rights = { [packageId]: permitsBy(["view"]) };
    const actor: Actor = {
      accountId,
      name: "key",
      permissions: webhooks,
      keyId: id,
      packages: rights,
    };
    return { api, actor, key: { id, accountId } };
  }
});
