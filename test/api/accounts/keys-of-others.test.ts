import { describe, expect, test } from "vitest";
import { newId } from "../../../platform/crypto.ts";
import { makeKey, makePerson, signIn, startWithAdmin } from "../../support/accounts.ts";

const USERS = "/api/v1/admin/users";
const KEY = { name: "ci", scopes: ["packages:read", "packages:run"] };

async function startWithService(role = "operator") {
  const api = await startWithAdmin();
  const boss = await makePerson(api, "admin", "boss");
  const { id } = (await boss.call("POST", USERS, { username: "ci_bot", role, service: true })).body;
  const list = (key: string) =>
    api.call(undefined, "GET", "/api/v1/packages", { headers: { "X-API-Key": key } });
  return { api, boss, id, keys: `${USERS}/${id}/api-keys`, list };
}

describe("POST /api/v1/admin/users/:id/api-keys", () => {
  test("a service acts by its key, within its scopes and its role", async () => {
    const { api, boss, id, keys, list } = await startWithService();

    const { status, body } = await boss.call("POST", keys, KEY);

    expect([status, body.scopes]).toEqual([201, KEY.scopes]);
    expect((await list(body.key)).status).toBe(200);
    const audit = await api.call(undefined, "GET", "/api/v1/audit", {
      headers: { "X-API-Key": body.key },
    });
    expect(audit.status).toBe(403);
    await boss.call("PATCH", `${USERS}/${id}`, { role: "user" });
    expect((await list(body.key)).status).toBe(403);
    await boss.call("PATCH", `${USERS}/${id}`, { role: "operator", is_active: false });
    expect((await list(body.key)).body.code).toBe("accounts/api-key-invalid");
  });

  test("nobody signs in as a service", async () => {
    const { api } = await startWithService();

    expect((await signIn(api, "a password that is a guess", "ci_bot")).status).toBe(401);
  });

  test("refuses people, strangers, keys that ask, and what reaches beyond one's own rights", async () => {
    const { api, boss, keys } = await startWithService();
    await boss.call("POST", "/api/v1/admin/roles", {
      name: "clerk",
      permissions: ["accounts:administer"],
    });
    const clerk = await makePerson(api, "clerk");
    const alice = await makePerson(api, "user", "alice");
    const { key } = (await makeKey(api, boss.token, { scopes: ["accounts:administer"] })).body;
    const code = async (user: string, by = boss) =>
      (await by.call("POST", `${USERS}/${user}/api-keys`, KEY)).body.code;

    expect(await code(alice.id)).toBe("accounts/not-a-service");
    expect(await code(newId())).toBe("accounts/user-not-found");
    expect((await clerk.call("POST", keys, KEY)).body.code).toBe("accounts/rights-beyond-own");
    const byKey = { headers: { "X-API-Key": key }, json: KEY };
    expect((await api.call(undefined, "POST", keys, byKey)).body.code).toBe("accounts/not-allowed");
  });
});

describe("GET /api/v1/admin/users/:id/api-keys", () => {
  test("lists the keys of one account, without what opens anything", async () => {
    const { boss, keys } = await startWithService();
    const { key } = (await boss.call("POST", keys, KEY)).body;
    await makeKeyOfBoss(boss);

    const { body } = await boss.call("GET", keys);

    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(["ci"]);
    expect(JSON.stringify(body)).not.toContain(key);
    expect((await boss.call("GET", `${USERS}/${newId()}/api-keys`)).status).toBe(404);
  });
});

describe("DELETE /api/v1/admin/users/:id/api-keys/:key", () => {
  test("ends the key of anybody at once, and only when it is theirs", async () => {
    const { boss, keys, list } = await startWithService();
    const { id, key } = (await boss.call("POST", keys, KEY)).body;
    const other = (await makeKeyOfBoss(boss)).body.id;

    expect((await boss.call("DELETE", `${keys}/${other}`)).status).toBe(404);
    expect((await boss.call("DELETE", `${keys}/${id}`)).status).toBe(200);
    expect((await list(key)).body.code).toBe("accounts/api-key-invalid");
    expect((await boss.call("DELETE", `${keys}/${id}`)).status).toBe(404);
  });
});

const makeKeyOfBoss = (boss: Awaited<ReturnType<typeof makePerson>>) =>
  boss.call("POST", "/api/v1/api-keys", { name: "own", scopes: ["packages:read"] });
