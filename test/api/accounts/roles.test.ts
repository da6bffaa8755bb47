import { describe, expect, test } from "vitest";
import { ROLES } from "../../../domain/accounts.ts";
import { CustomRole } from "../../../models/accounts.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { makePerson, startWithAdmin } from "../../support/accounts.ts";

const PATH = "/api/v1/admin/roles";
const AUDITOR = { name: "auditor", description: "Reads the audit", permissions: ["audit:read"] };

async function startWithBoss() {
  const api = await startWithAdmin();
  return { api, boss: await makePerson(api, "admin", "boss") };
}

describe("GET /api/v1/admin/roles", () => {
  test("shows the built-in roles, then those that were made", async () => {
    const { boss } = await startWithBoss();
    await boss.call("POST", PATH, AUDITOR);

    const { items } = (await boss.call("GET", PATH)).body;

    expect(items.map(({ name }: { name: string }) => name)).toEqual([
      ...Object.keys(ROLES),
      "auditor",
    ]);
    expect(items.at(-1)).toEqual({ ...AUDITOR, built_in: false });
  });
});

describe("POST /api/v1/admin/roles", () => {
  test("whoever gets it may do what it permits, and nothing else", async () => {
    const { api, boss } = await startWithBoss();

    const { status, body } = await boss.call("POST", PATH, AUDITOR);

    expect([status, body]).toEqual([201, { ...AUDITOR, built_in: false }]);
    const auditor = await makePerson(api, "auditor");
    expect((await auditor.call("GET", "/api/v1/audit")).status).toBe(200);
    expect((await auditor.call("GET", "/api/v1/packages")).status).toBe(403);
  });

  test("refuses a name that is taken or none, an unknown permission, and rights beyond one's own", async () => {
    const { api, boss } = await startWithBoss();
    await boss.call("POST", PATH, AUDITOR);
    await boss.call("POST", PATH, { name: "clerk", permissions: ["accounts:administer"] });
    const clerk = await makePerson(api, "clerk");
    const code = async (json: object, by = boss) => (await by.call("POST", PATH, json)).body.code;

    expect(await code(AUDITOR)).toBe("accounts/role-name-taken");
    expect(await code({ ...AUDITOR, name: "admin" })).toBe("accounts/role-name-taken");
    expect(await code({ ...AUDITOR, name: "Big Boss" })).toBe("request/invalid");
    expect(await code({ name: "x1", permissions: ["cards:fly"] })).toBe("request/invalid");
    expect(await code({ ...AUDITOR, name: "x1" }, clerk)).toBe("accounts/rights-beyond-own");
  });
});

describe("PUT /api/v1/admin/roles/:name", () => {
  test("counts from the next request on, for everybody who has the role", async () => {
    const { api, boss } = await startWithBoss();
    await boss.call("POST", PATH, AUDITOR);
    const auditor = await makePerson(api, "auditor");
    const heard: string[] = [];
    api.services.bus.subscribe(({ type }) => heard.push(type));

    const { status } = await boss.call("PUT", `${PATH}/auditor`, { permissions: [] });

    expect(status).toBe(200);
    expect((await auditor.call("GET", "/api/v1/audit")).status).toBe(403);
    expect(heard).toContain("accounts.rights-changed");
    const entry = await AuditEntry.findOne({ where: { action: "accounts.role-changed" } });
    expect(entry).toMatchObject({
      subjectId: "auditor",
      before: { permissions: ["audit:read"] },
      after: { permissions: [] },
    });
  });

  test("refuses built-in roles, unknown ones, and those that permit more than one's own", async () => {
    const { api, boss } = await startWithBoss();
    await boss.call("POST", PATH, AUDITOR);
    await boss.call("POST", PATH, { name: "clerk", permissions: ["accounts:administer"] });
    const clerk = await makePerson(api, "clerk");
    const code = async (name: string, by = boss) =>
      (await by.call("PUT", `${PATH}/${name}`, { permissions: [] })).body.code;

    expect(await code("support")).toBe("accounts/role-built-in");
    expect(await code("nothing")).toBe("accounts/role-not-found");
    expect(await code("auditor", clerk)).toBe("accounts/rights-beyond-own");
  });
});

describe("DELETE /api/v1/admin/roles/:name", () => {
  test("removes a role that nobody has", async () => {
    const { api, boss } = await startWithBoss();
    await boss.call("POST", PATH, AUDITOR);
    const { id } = await makePerson(api, "auditor");

    const held = await boss.call("DELETE", `${PATH}/auditor`);
    await boss.call("PATCH", `/api/v1/admin/users/${id}`, { role: "user" });
    const free = await boss.call("DELETE", `${PATH}/auditor`);

    expect(held).toMatchObject({ status: 409, body: { code: "accounts/role-in-use" } });
    expect(free.status).toBe(200);
    expect(await CustomRole.count()).toBe(0);
  });
});
