import { describe, expect, test } from "vitest";
import { PERMISSIONS, ROLES } from "../../../domain/accounts.ts";
import { Account, Session } from "../../../models/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { newId } from "../../../platform/crypto.ts";
import { makeKey, makePerson, PASSWORD, signIn, startWithAdmin } from "../../support/accounts.ts";

const USERS = "/api/v1/admin/users";

async function startWithBoss() {
  const api = await startWithAdmin();
  return { api, boss: await makePerson(api, "admin", "boss") };
}

const audited = (action: string) =>
  AuditEntry.findOne({ where: { action }, order: [["sequence", "DESC"]] });

describe("GET /api/v1/admin/users", () => {
  test("lists all accounts in pages, newest first, without anything secret", async () => {
    const { api, boss } = await startWithBoss();
    await makePerson(api, "user", "alice");

    const first = (await boss.call("GET", `${USERS}?limit=2`)).body;
    const second = (await boss.call("GET", `${USERS}?limit=2&after=${first.next}`)).body;

    const names = [...first.items, ...second.items].map(({ username }) => username);
    expect(names).toEqual(["alice", "boss", "admin"]);
    expect(JSON.stringify(first)).not.toContain("argon2");
  });

  test("finds by role, by what is on, by how a name begins, by a whole address and number", async () => {
    const { api, boss } = await startWithBoss();
    const alice = await makePerson(api, "user", "alice");
    const contact = { email: "alice@example.com", phone: "13800138000", isActive: false };
    await inTransaction(api.services.database, (transaction) =>
      Account.update(contact, { where: { id: alice.id }, transaction }),
    );
    await makePerson(api, "support", "alina");
    const found = async (query: string) =>
      (await boss.call("GET", `${USERS}?${query}`)).body.items.map(
        ({ username }: { username: string }) => username,
      );

    expect(await found("q=ali")).toEqual(["alice", "alina"]);
    expect(await found("q=ALICE@example.com")).toEqual(["alice"]);
    expect(await found("q=alice@")).toEqual([]);
    expect(await found("q=13800138000")).toEqual(["alice"]);
    expect(await found("q=%25")).toEqual([]);
    expect(await found("role=support")).toEqual(["alina"]);
    expect(await found("active=false")).toEqual(["alice"]);
    expect(await found("service=true")).toEqual([]);
    expect(await found("q=ali&active=true")).toEqual(["alina"]);
  });
});

describe("POST /api/v1/admin/users", () => {
  test("refuses a password that is known from a breach", async () => {
    const { api, boss } = await startWithBoss();
    api.services.passwords.isBreached = () => true;

    const chosen = await boss.call("POST", USERS, { username: "alice", password: "iloveyou" });

    expect(chosen).toMatchObject({ status: 422, body: { issues: [{ path: "password" }] } });
    expect((await boss.call("POST", USERS, { username: "alice" })).status).toBe(201);
  });

  test("makes an account that signs in with the password that was made for it", async () => {
    const { api, boss } = await startWithBoss();

    const { status, body } = await boss.call("POST", USERS, { username: "alice" });

    expect(status).toBe(201);
    expect(body).toMatchObject({ username: "alice", role: "user", service: false });
    expect((await signIn(api, body.password, "alice")).status).toBe(200);
    expect(await audited("accounts.created")).toMatchObject({
      actorName: "boss",
      subjectId: body.id,
      after: { username: "alice", role: "user", service: false },
    });
  });

  test("a chosen password is not shown again, and a service has none", async () => {
    const { api, boss } = await startWithBoss();

    const chosen = await boss.call("POST", USERS, { username: "alice", password: PASSWORD });
    const service = await boss.call("POST", USERS, {
      username: "ci_bot",
      role: "operator",
      service: true,
    });

    expect(chosen.body.password).toBeNull();
    expect((await signIn(api, PASSWORD, "alice")).status).toBe(200);
    expect(service.body).toMatchObject({ service: true, role: "operator", password: null });
  });

  test("refuses a taken name, an unknown role, and what a name or service must not be", async () => {
    const { boss } = await startWithBoss();
    const code = async (json: object) => (await boss.call("POST", USERS, json)).body.code;

    expect(await code({ username: "boss" })).toBe("accounts/username-taken");
    expect(await code({ username: "alice", role: "wizard" })).toBe("accounts/role-not-found");
    for (const json of [
      { username: "13800138000" },
      { username: "a b" },
      { username: "bot", service: true, password: PASSWORD },
      { username: "alice", password: "short" },
      { username: "alice", id: newId() },
    ]) {
      expect(await code(json), JSON.stringify(json)).toBe("request/invalid");
    }
    expect(await Account.count()).toBe(2);
  });
});

describe("GET /api/v1/admin/users/:id", () => {
  test("shows what an account may do", async () => {
    const { api, boss } = await startWithBoss();
    const helper = await makePerson(api, "support");

    const { body } = await boss.call("GET", `${USERS}/${helper.id}`);

    expect(body).toMatchObject({ id: helper.id, role: "support", email_verified: false });
    expect(body.permissions).toEqual([...ROLES.support]);
  });

  test("says that there is no such user", async () => {
    const { boss } = await startWithBoss();

    expect(await boss.call("GET", `${USERS}/${newId()}`)).toMatchObject({
      status: 404,
      body: { code: "accounts/user-not-found" },
    });
  });
});

describe("PATCH /api/v1/admin/users/:id", () => {
  test("a new role counts from the next request on, for tokens and for keys", async () => {
    const { api, boss } = await startWithBoss();
    const alice = await makePerson(api, "admin", "alice");
    const { key } = (await makeKey(api, alice.token, { scopes: ["audit:read"] })).body;
    const byKey = () =>
      api.call(undefined, "GET", "/api/v1/audit", { headers: { "X-API-Key": key } });
    expect((await byKey()).status).toBe(200);

    const { status, body } = await boss.call("PATCH", `${USERS}/${alice.id}`, { role: "user" });

    expect([status, body.role]).toEqual([200, "user"]);
    expect((await alice.call("GET", "/api/v1/audit")).status).toBe(403);
    expect((await byKey()).status).toBe(403);
    expect(await audited("accounts.standing-changed")).toMatchObject({
      before: { role: "admin" },
      after: { role: "user" },
    });
  });

  test("one that is switched off is signed out, its keys rest, and switching it on revives no session", async () => {
    const { api, boss } = await startWithBoss();
    const alice = await makePerson(api, "admin", "alice");
    const { key } = (await makeKey(api, alice.token, { scopes: ["audit:read"] })).body;
    const byKey = async () =>
      (await api.call(undefined, "GET", "/api/v1/audit", { headers: { "X-API-Key": key } })).status;

    await boss.call("PATCH", `${USERS}/${alice.id}`, { is_active: false });

    expect((await alice.call("GET", "/api/v1/api-keys")).status).toBe(401);
    expect(await byKey()).toBe(403);
    expect((await signIn(api, PASSWORD, "alice")).status).toBe(401);
    await boss.call("PATCH", `${USERS}/${alice.id}`, { is_active: true });
    expect((await alice.call("GET", "/api/v1/api-keys")).status).toBe(401);
    expect(await byKey()).toBe(200);
    expect((await signIn(api, PASSWORD, "alice")).status).toBe(200);
  });

  test("tells every process that rights have changed", async () => {
    const { api, boss } = await startWithBoss();
    const alice = await makePerson(api);
    const heard: string[] = [];
    api.services.bus.subscribe(({ type }) => heard.push(type));

    await boss.call("PATCH", `${USERS}/${alice.id}`, { is_active: false });

    expect(heard).toEqual(["accounts.rights-changed"]);
  });

  test("nobody changes their own role, or switches themselves off", async () => {
    const { boss } = await startWithBoss();

    for (const json of [{ role: "user" }, { is_active: false }]) {
      expect(await boss.call("PATCH", `${USERS}/${boss.id}`, json)).toMatchObject({
        status: 403,
        body: { code: "accounts/own-account" },
      });
    }
  });

  test("nobody gives more than they have, and nobody touches who may do more than they", async () => {
    const { api, boss } = await startWithBoss();
    await boss.call("POST", "/api/v1/admin/roles", {
      name: "clerk",
      permissions: ["accounts:read", "accounts:administer"],
    });
    const clerk = await makePerson(api, "clerk");
    const alice = await makePerson(api, "user", "alice");
    const beyond = { status: 403, body: { code: "accounts/rights-beyond-own" } };

    expect(await clerk.call("PATCH", `${USERS}/${alice.id}`, { role: "admin" })).toMatchObject(
      beyond,
    );
    expect(await clerk.call("PATCH", `${USERS}/${boss.id}`, { is_active: false })).toMatchObject(
      beyond,
    );
    expect(await clerk.call("POST", `${USERS}/${boss.id}/sign-out`)).toMatchObject(beyond);
    expect(await clerk.call("POST", USERS, { username: "mallory", role: "support" })).toMatchObject(
      beyond,
    );
    const within = await clerk.call("PATCH", `${USERS}/${alice.id}`, { role: "clerk" });
    expect(within.status).toBe(200);
  });

  test("refuses nothing, an unknown role, a level that there is not and an unknown user", async () => {
    const { api, boss } = await startWithBoss();
    const { id } = await makePerson(api);
    const code = async (json: object, user = id) =>
      (await boss.call("PATCH", `${USERS}/${user}`, json)).body.code;

    expect(await code({})).toBe("request/invalid");
    expect(await code({ role: "wizard" })).toBe("accounts/role-not-found");
    expect(await code({ member_level: 4 })).toBe("request/invalid");
    expect(await code({ member_level: 3 }, newId())).toBe("accounts/user-not-found");
  });
});

describe("POST /api/v1/admin/users/:id/sign-out", () => {
  test("ends every session of an account at once, and no other", async () => {
    const { api, boss } = await startWithBoss();
    const alice = await makePerson(api, "user", "alice");
    await signIn(api, PASSWORD, "alice");

    const { status, body } = await boss.call("POST", `${USERS}/${alice.id}/sign-out`);

    expect([status, body]).toEqual([200, { sessions: 2 }]);
    expect((await alice.call("GET", "/api/v1/api-keys")).status).toBe(401);
    expect((await boss.call("GET", "/api/v1/api-keys")).status).toBe(200);
    expect(await Session.count({ where: { accountId: alice.id, revokedAt: null } })).toBe(0);
  });
});

test("an administrator whom somebody has just switched off changes nothing any more", async () => {
  const { api, boss } = await startWithBoss();
  const alice = await makePerson(api);
  const actor = { accountId: boss.id, name: "boss", permissions: PERMISSIONS };
  await inTransaction(api.services.database, (transaction) =>
    Account.update({ isActive: false }, { where: { id: boss.id }, transaction }),
  );

  const late = await api.call(actor, "PATCH", `${USERS}/${alice.id}`, { json: { role: "admin" } });

  expect(late).toMatchObject({ status: 403, body: { code: "accounts/not-allowed" } });
});
