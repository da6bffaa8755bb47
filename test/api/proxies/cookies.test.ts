import { describe, expect, test } from "vitest";
import type { Actor } from "../../../domain/accounts.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { Cookie, noteCookie } from "../../../models/proxies/index.ts";
import { ADMIN, STRANGER, startApi, type StartedApi } from "../../support/api.ts";

const PATH = "/api/v1/admin/cookies";
const READER: Actor = { ...ADMIN, permissions: ["proxies:read"] };
const CONTENT = "# Netscape HTTP Cookie File\n.example.com\tTRUE\t/\tTRUE\t0\tsid\tverysecret\n";
const NEW = { platform: "YouTube", name: "one", content: CONTENT };

async function add(api: StartedApi, more: object = {}): Promise<number> {
  const { body } = await api.call(ADMIN, "POST", PATH, { json: { ...NEW, ...more } });
  return body.id as number;
}

const refused = async (api: StartedApi, method: string, path: string, json?: unknown) => {
  const asked = [READER, STRANGER].map((actor) =>
    api.call(actor, method, path, json === undefined ? {} : { json }),
  );
  return (await Promise.all(asked)).map(({ status }) => status);
};

describe("POST /api/v1/admin/cookies", () => {
  test("keeps a cookie file sealed, good for ten minutes unless said otherwise", async () => {
    const api = await startApi();

    const id = await add(api);
    const clock = await add(api, { expire_at: "2030-01-01 08:00:00" });
    const ever = await add(api, { expire_at: null, freeze_seconds: 900 });

    const row = await Cookie.findOne({ where: { serial: id }, rejectOnEmpty: true });
    expect(Math.round((row.expireAt!.getTime() - Date.now()) / 60_000)).toBe(10);
    const ends = async (serial: number) => (await Cookie.findOne({ where: { serial } }))!.expireAt;
    expect(await ends(clock)).toEqual(new Date("2030-01-01T00:00:00Z"));
    expect(await ends(ever)).toBeNull();
    const kept = [await Cookie.findAll(), await AuditEntry.findAll(), api.logged];
    expect(JSON.stringify(kept)).not.toContain("verysecret");
    for (const wrong of [{ content: "sid=1" }, { expire_at: "tomorrow" }, { name: "" }]) {
      const { status } = await api.call(ADMIN, "POST", PATH, { json: { ...NEW, ...wrong } });
      expect(status).toBe(422);
    }
    expect(await refused(api, "POST", PATH, NEW)).toEqual([403, 403]);
  });
});

describe("GET /api/v1/admin/cookies", () => {
  test("lists them by platform and by how they stand, without their content", async () => {
    const api = await startApi();
    const active = await add(api, { expire_at: null });
    const expired = await add(api, { expire_at: "2020-01-01 00:00:00" });
    const frozen = await add(api, { platform: "tiktok" });
    const { id } = await Cookie.findOne({ where: { serial: frozen }, rejectOnEmpty: true });
    await noteCookie(api.services.database, id, "rate_limited");
    const ids = async (query: string) => {
      const { body } = await api.call(READER, "GET", `${PATH}?${query}`);
      return body.items.map((item: { id: number }) => item.id);
    };

    const { body } = await api.call(READER, "GET", PATH);

    expect(body).toMatchObject({ total: 3, page: 1, page_size: 20 });
    expect(body.items.map(({ status }: { status: number }) => status)).toEqual([2, 1, 0]);
    expect(body.items.map(({ content }: { content: string }) => content)).toEqual(["", "", ""]);
    expect(await ids("status=0")).toEqual([active]);
    expect(await ids("status=1")).toEqual([expired]);
    expect(await ids("status=2&platform=TikTok")).toEqual([frozen]);
    expect((await api.call(STRANGER, "GET", PATH)).status).toBe(403);
  });
});

describe("GET /api/v1/admin/cookies/:id", () => {
  test("shows the content to who administers them alone", async () => {
    const api = await startApi();
    const id = await add(api);

    const { body } = await api.call(ADMIN, "GET", `${PATH}/${id}`);

    expect(body).toMatchObject({ id, platform: "youtube", content: CONTENT, status: 0 });
    expect(await refused(api, "GET", `${PATH}/${id}`)).toEqual([403, 403]);
    expect((await api.call(ADMIN, "GET", `${PATH}/77`)).body).toMatchObject({
      type: "/problems/proxies/cookie-not-found",
    });
  });
});

describe("PUT /api/v1/admin/cookies/:id", () => {
  test("changes what is said and nothing else; new content thaws it", async () => {
    const api = await startApi();
    const serial = await add(api, { expire_at: null });
    const path = `${PATH}/${serial}`;
    await api.call(ADMIN, "POST", `${path}/freeze`, { json: {} });

    await api.call(ADMIN, "PUT", path, { json: { name: "another" } });
    const renamed = (await api.call(ADMIN, "GET", path)).body;
    const content = CONTENT.replace("verysecret", "renewed");
    const changed = await api.call(ADMIN, "PUT", path, { json: { content } });

    expect(changed.body).toEqual({ success: true });
    expect(renamed).toMatchObject({ name: "another", content: CONTENT, status: 2 });
    expect((await api.call(ADMIN, "GET", path)).body).toMatchObject({
      name: "another",
      content,
      expire_at: null,
      status: 0,
    });
    expect((await api.call(ADMIN, "PUT", `${PATH}/77`, { json: {} })).status).toBe(404);
    expect(await refused(api, "PUT", path, {})).toEqual([403, 403]);
  });
});

describe("POST /api/v1/admin/cookies/:id/freeze", () => {
  test("lets a cookie rest for five minutes, or as long as said", async () => {
    const api = await startApi();
    const path = `${PATH}/${await add(api)}/freeze`;
    const seconds = async (json: object) => {
      const { body } = await api.call(ADMIN, "POST", path, { json });
      return Math.round((Date.parse(body.frozen_until as string) - Date.now()) / 1000);
    };

    expect(await seconds({})).toBe(300);
    expect(await seconds({ freeze_seconds: -5 })).toBe(300);
    expect(await seconds({ freeze_seconds: 60 })).toBe(60);
    expect((await api.call(ADMIN, "POST", `${PATH}/77/freeze`, { json: {} })).status).toBe(404);
    expect(await refused(api, "POST", path, {})).toEqual([403, 403]);
  });
});

describe("DELETE /api/v1/admin/cookies/:id", () => {
  test("removes a cookie with its content, audited", async () => {
    const api = await startApi();
    const path = `${PATH}/${await add(api)}`;

    expect(await refused(api, "DELETE", path)).toEqual([403, 403]);
    expect((await api.call(ADMIN, "DELETE", path)).body).toEqual({ success: true });
    expect((await api.call(ADMIN, "DELETE", path)).status).toBe(404);
    expect(await Cookie.count()).toBe(0);
    expect(await AuditEntry.count({ where: { action: "proxies.cookie-removed" } })).toBe(1);
  });
});
