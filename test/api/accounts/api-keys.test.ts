import { describe, expect, test } from "vitest";
import { type Actor, PERMISSIONS } from "../../../domain/accounts.ts";
import { Account, ApiKey } from "../../../models/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { Package, removePackageRows } from "../../../models/packages/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { bearer, listKeys, makeKey, signIn, startWithAdmin } from "../../support/accounts.ts";
import type { StartedApi } from "../../support/api.ts";
import { uploadPackage } from "../../support/packages.ts";

describe("POST /api/v1/api-keys", () => {
  test("shows the key once, and keeps only its digest", async () => {
    const api = await startWithAdmin();
    const { access_token: access } = (await signIn(api)).body;

    const { status, body } = await makeKey(api, access, {
      name: "  ci  ",
      scopes: ["packages:query", "packages:query", "packages:read"],
      expires_at: "2099-01-01T00:00:00+08:00",
    });

    expect(status).toBe(201);
    expect(body).toMatchObject({
      name: "ci",
      scopes: ["packages:query", "packages:read"],
      expires_at: "2098-12-31T16:00:00.000Z",
      revoked_at: null,
    });
    expect(body.key.startsWith(`${body.prefix}_`)).toBe(true);
    expect(body.key.endsWith(body.last_four)).toBe(true);
    const row = await ApiKey.findByPk(body.id);
    expect(JSON.stringify(row)).not.toContain(body.key);
    expect((await listKeys(api, access)).body.items[0]).not.toHaveProperty("key");
  });

  test("a key may do what its scopes say, and nothing else", async () => {
    const api = await startWithAdmin();
    const { access_token: access } = (await signIn(api)).body;
    const reader = (await makeKey(api, access, { scopes: ["audit:read"] })).body.key;
    const other = (await makeKey(api, access, { scopes: ["packages:query"] })).body.key;
    const audit = (key: string) =>
      api.call(undefined, "GET", "/api/v1/audit", { headers: { "X-API-Key": key } });

    expect((await audit(reader)).status).toBe(200);
    expect(await audit(other)).toMatchObject({
      status: 403,
      body: { code: "accounts/not-allowed" },
    });
  });

  test("a key never has more rights than its maker", async () => {
    const api = await startWithAdmin();
    const maker = { accountId: newId(), name: "reader", permissions: ["packages:read"] as const };

    const { status, body } = await api.call(maker, "POST", "/api/v1/api-keys", {
      json: { name: "ci", scopes: ["packages:read", "audit:read"] },
    });

    expect(status).toBe(422);
    expect(body.code).toBe("accounts/scope-beyond-rights");
    expect(await ApiKey.count()).toBe(0);
  });

  test("a key makes, lists and revokes no keys", async () => {
    const api = await startWithAdmin();
    const { access_token: access } = (await signIn(api)).body;
    const { id, key } = (await makeKey(api, access)).body;
    const headers = { "X-API-Key": key };
    const json = { name: "ci", scopes: ["packages:query"] };

    for (const answer of [
      await api.call(undefined, "POST", "/api/v1/api-keys", { headers, json }),
      await api.call(undefined, "GET", "/api/v1/api-keys", { headers }),
      await api.call(undefined, "DELETE", `/api/v1/api-keys/${id}`, { headers }),
    ]) {
      expect(answer).toMatchObject({ status: 403, body: { code: "accounts/not-allowed" } });
    }
  });

  test("refuses unknown scopes, no scopes, no name and a time that has passed", async () => {
    const api = await startWithAdmin();
    const { access_token: access } = (await signIn(api)).body;

    for (const given of [
      { scopes: ["packages:destroy"] },
      { scopes: [] },
      { name: "  " },
      { name: "x".repeat(101) },
      { expires_at: "2020-01-01T00:00:00Z" },
      { expires_at: "tomorrow" },
      { account_id: newId() },
    ]) {
      const { status, body } = await makeKey(api, access, given);
      expect([status, body.code], JSON.stringify(given)).toEqual([422, "request/invalid"]);
    }
    expect(await ApiKey.count()).toBe(0);
  });
});

describe("GET /api/v1/api-keys", () => {
  test("lists one's own keys in pages, newest first, and nobody else's", async () => {
    const api = await startWithAdmin();
    const { access_token: access } = (await signIn(api)).body;
    for (const name of ["one", "two", "three"]) await makeKey(api, access, { name });
    const page = async (query: string) =>
      (await api.call(undefined, "GET", `/api/v1/api-keys${query}`, { headers: bearer(access) }))
        .body;

    const first = await page("?limit=2");
    const second = await page(`?limit=2&after=${first.next}`);

    const names = [...first.items, ...second.items].map(({ name }: { name: string }) => name);
    expect(names).toEqual(["three", "two", "one"]);
    expect(second.next).toBeNull();
    const stranger = { accountId: newId(), name: "x", permissions: [] };
    expect((await api.call(stranger, "GET", "/api/v1/api-keys")).body.items).toEqual([]);
  });
});

describe("DELETE /api/v1/api-keys/:id", () => {
  test("ends the key at once", async () => {
    const api = await startWithAdmin();
    const { access_token: access } = (await signIn(api)).body;
    const { id, key } = (await makeKey(api, access, { scopes: ["audit:read"] })).body;
    const audit = () =>
      api.call(undefined, "GET", "/api/v1/audit", { headers: { "X-API-Key": key } });
    expect((await audit()).status).toBe(200);

    const { status } = await api.call(undefined, "DELETE", `/api/v1/api-keys/${id}`, {
      headers: bearer(access),
    });

    expect(status).toBe(200);
    expect(await audit()).toMatchObject({
      status: 403,
      body: { code: "accounts/api-key-invalid", detail: "Invalid API Key" },
    });
    const [listed] = (await listKeys(api, access)).body.items;
    expect(listed.revoked_at).not.toBeNull();
    expect(listed.last_used_at).not.toBeNull();
  });

  test("shows a stranger's key as missing, and one that was revoked too", async () => {
    const api = await startWithAdmin();
    const { access_token: access } = (await signIn(api)).body;
    const { id } = (await makeKey(api, access)).body;
    const stranger = { accountId: newId(), name: "x", permissions: [] };
    const missing = { status: 404, body: { code: "accounts/api-key-not-found" } };

    expect(await api.call(stranger, "DELETE", `/api/v1/api-keys/${id}`)).toMatchObject(missing);
    const headers = bearer(access);
    await api.call(undefined, "DELETE", `/api/v1/api-keys/${id}`, { headers });

    expect(
      await api.call(undefined, "DELETE", `/api/v1/api-keys/${id}`, { headers }),
    ).toMatchObject(missing);
  });
});

describe("an API key", () => {
  test("is refused when a character of it is wrong, when it has expired, and without its maker", async () => {
    const api = await startWithAdmin();
    const { access_token: access } = (await signIn(api)).body;
    const { id, key } = (await makeKey(api, access, { scopes: ["audit:read"] })).body;
    const audit = async (given: string) =>
      (await api.call(undefined, "GET", "/api/v1/audit", { headers: { "X-API-Key": given } }))
        .status;
    const other = key.at(-1) === "A" ? "B" : "A";

    for (const given of ["x", key.slice(0, -1), key + other, key.slice(0, -1) + other]) {
      expect(await audit(given), given).toBe(403);
    }
    expect(await audit(key)).toBe(200);
    await ApiKey.update({ expiresAt: new Date(Date.now() - 1) }, { where: { id } });
    expect(await audit(key)).toBe(403);
    await ApiKey.update({ expiresAt: null }, { where: { id } });
    await Account.update({ isActive: false }, { where: {} });
    expect(await audit(key)).toBe(403);
  });
});

describe("PUT /api/v1/api-keys/:id/packages", () => {
  test("a key for single packages sees and does what its rights say, from one request to the next", async () => {
    const { api, access, ids } = await startWithPackages();
    const made = await makeKey(api, access, { scopes: [], packages: [grant(ids[0], "view")] });
    const { id, key } = made.body;

    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ scopes: [], packages: [{ id: ids[0], rights: ["view"] }] });
    expect(await seen(api, key)).toEqual([ids[0]]);
    expect((await describeIt(api, key, ids[0])).body.code).toBe("accounts/not-allowed");

    const packages = [grant(ids[0], "publish", "publish"), grant(ids[1], "view")];
    const changed = await change(api, access, id, packages);

    expect(changed.status).toBe(200);
    expect(changed.body.packages).toEqual([grant(ids[0], "publish"), grant(ids[1], "view")]);
    expect(await seen(api, key)).toEqual([ids[1], ids[0]]);
    expect((await describeIt(api, key, ids[0])).status).toBe(200);
    expect((await listKeys(api, access)).body.items[0].packages).toEqual(changed.body.packages);
    const entry = await AuditEntry.findOne({
      where: { action: "accounts.api-key-changed", subjectId: id },
      rejectOnEmpty: true,
    });
    expect(entry).toMatchObject({
      before: { packages: [grant(ids[0], "view")] },
      after: { packages: [grant(ids[0], "publish"), grant(ids[1], "view")] },
    });
  });

  test("a key that has lost its last package is for none, and not for all", async () => {
    const { api, access, ids } = await startWithPackages();
    const packages = [grant(ids[0], "administer")];
    const { id, key } = (await makeKey(api, access, { scopes: [], packages })).body;
    const { id: packageId } = await Package.findOne({
      where: { serial: Number(ids[0]) },
      rejectOnEmpty: true,
    });

    await inTransaction(api.services.database, (transaction) =>
      removePackageRows(packageId, transaction),
    );
    expect(await seen(api, key)).toEqual([]);
    expect((await listKeys(api, access)).body.items[0].packages).toEqual([]);

    await change(api, access, id, [grant(ids[1], "view")]);
    expect(await seen(api, key)).toEqual([ids[1]]);
    await change(api, access, id, []);
    expect(await seen(api, key)).toEqual([]);
    expect((await describeIt(api, key, ids[1])).status).toBe(404);
  });

  test("refuses scopes that reach beyond, unknown packages, the same one twice and no rights", async () => {
    const { api, access, ids } = await startWithPackages();
    const packages = [grant(ids[0], "view")];

    for (const scope of ["packages:read", "packages:upload", "audit:read", "webhooks:oversee"]) {
      const { status, body } = await makeKey(api, access, { scopes: [scope], packages });
      expect({ status, code: body.code }).toEqual({
        status: 422,
        code: "accounts/scope-beyond-rights",
      });
    }
    for (const wrong of [
      [],
      [grant(ids[0], "view"), grant("999", "view")],
      [grant(ids[0], "view"), grant(ids[0], "upload")],
      [grant(ids[0])],
      [grant(ids[0], "own")],
    ]) {
      const { status, body } = await makeKey(api, access, { scopes: [], packages: wrong });
      expect({ status, code: body.code }).toEqual({ status: 422, code: "request/invalid" });
    }
    expect(await ApiKey.count()).toBe(0);
  });

  test("nobody grants what they may not do themselves", async () => {
    const { api, ids } = await startWithPackages();
    const permissions = ["packages:query", "packages:read"] as const;
    const { id: accountId } = await Account.findOne({ rejectOnEmpty: true });
    const maker = { accountId, name: "reader", permissions };
    const json = { name: "ci", packages: [grant(ids[0], "upload")] };

    const refused = await api.call(maker, "POST", "/api/v1/api-keys", { json });
    const granted = await api.call(maker, "POST", "/api/v1/api-keys", {
      json: { name: "ci", packages: [grant(ids[0], "view")] },
    });

    expect(refused).toMatchObject({ status: 422, body: { code: "accounts/scope-beyond-rights" } });
    expect(granted.status).toBe(201);
  });

  test("refuses a key for all packages, a revoked one, a stranger's, and keys that ask", async () => {
    const { api, access, ids } = await startWithPackages();
    const packages = [grant(ids[0], "view")];
    const forAll = (await makeKey(api, access)).body;
    const revoked = (await makeKey(api, access, { scopes: [], packages })).body;
    await api.call(undefined, "DELETE", `/api/v1/api-keys/${revoked.id}`, {
      headers: bearer(access),
    });
    const own = (await makeKey(api, access, { scopes: [], packages })).body;
    const put = (id: string, given: Parameters<typeof api.call>[3], actor?: Actor) =>
      api.call(actor, "PUT", `/api/v1/api-keys/${id}/packages`, { json: { packages }, ...given });
    const signedIn = { headers: bearer(access) };
    const stranger = { accountId: newId(), name: "other", permissions: PERMISSIONS };

    const answers = [
      await put(forAll.id, signedIn),
      await put(revoked.id, signedIn),
      await put(own.id, {}, stranger),
      await put(own.id, { headers: { "X-API-Key": own.key } }),
    ];

    expect(answers.map(({ body }) => body.code)).toEqual([
      "accounts/api-key-unrestricted",
      "accounts/api-key-not-found",
      "accounts/api-key-not-found",
      "accounts/not-allowed",
    ]);
  });
});

const grant = (id: string | undefined, ...rights: string[]) => ({ id, rights });

/** An API with two packages, and the administrator's token. */
async function startWithPackages() {
  const api = await startWithAdmin();
  const { access_token: access } = (await signIn(api)).body as { access_token: string };
  const ids = [(await uploadPackage(api)).body.id, (await uploadPackage(api)).body.id] as string[];
  return { api, access, ids };
}

const change = (api: StartedApi, access: string, id: string, packages: object[]) =>
  api.call(undefined, "PUT", `/api/v1/api-keys/${id}/packages`, {
    json: { packages },
    headers: bearer(access),
  });

/** The packages that a key is shown. */
async function seen(api: StartedApi, key: string): Promise<string[]> {
  const headers = { "X-API-Key": key };
  const { body } = await api.call(undefined, "GET", "/api/v1/packages", { headers });
  return body.items.map(({ id }: { id: string }) => id);
}

/** Something that takes the right to publish. */
const describeIt = (api: StartedApi, key: string, id: string | undefined) =>
  api.call(undefined, "PATCH", `/api/v1/packages/${id}`, {
    json: { description: "new" },
    headers: { "X-API-Key": key },
  });
