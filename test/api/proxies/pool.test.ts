import { describe, expect, test } from "vitest";
import type { Actor, Permission } from "../../../domain/accounts.ts";
import {
  endLease,
  leaseFromPool,
  openLease,
  Proxy,
  ProxyPolicy,
} from "../../../models/proxies/index.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { deriveKey, newId, unseal } from "../../../platform/crypto.ts";
import { ADMIN, STRANGER, startApi, type StartedApi } from "../../support/api.ts";
import { leaseOrder, makeProxy } from "../../support/proxies.ts";

const PATH = "/api/v1/admin/proxies";
const READER: Actor = { ...ADMIN, permissions: ["proxies:read"] satisfies Permission[] };
const NEW = {
  host: "Proxy.Example",
  port: 3128,
  username: "u",
  password: "a secret",
  region: "cn",
};

/** Asks as somebody who may only look, and as somebody who may nothing: both are refused. */
async function refusals(api: StartedApi, method: string, path: string, json?: unknown) {
  const asked = [READER, STRANGER, undefined].map((actor) =>
    api.call(actor, method, path, json === undefined ? {} : { json }),
  );
  return (await Promise.all(asked)).map(({ status }) => status);
}

describe("POST /api/v1/admin/proxies", () => {
  test("adds a proxy whose password nobody is shown, and no second one at its place", async () => {
    const api = await startApi();

    const { status, body } = await api.call(ADMIN, "POST", PATH, { json: NEW });
    const again = await api.call(ADMIN, "POST", PATH, { json: NEW });
    const wrong = await api.call(ADMIN, "POST", PATH, { json: { ...NEW, host: "a b", port: 0 } });

    expect({ status, body }).toEqual({ status: 200, body: { id: 1001 } });
    expect(again).toMatchObject({ status: 409, body: { type: "/problems/proxies/taken" } });
    expect(wrong.status).toBe(422);
    const listed = await api.call(READER, "GET", PATH);
    expect(listed.body.items[0]).toMatchObject({ host: "proxy.example", status: 0, username: "u" });
    const rows = [await Proxy.findAll(), await AuditEntry.findAll()];
    expect(JSON.stringify([listed.body, rows, api.logged])).not.toContain("a secret");
    const lease = await leaseFromPool(api.services.database, leaseOrder(), "lru");
    const key = deriveKey(api.services.secretKey, "columns");
    const opened = await openLease(lease!.id, (sealed, place) => unseal(key, sealed, place));
    expect(opened).toMatchObject({ password: "a secret", port: 3128 });
    expect(await refusals(api, "POST", PATH, NEW)).toEqual([403, 403, 401]);
  });
});

describe("GET /api/v1/admin/proxies", () => {
  test("finds, filters, sorts and pages as the contract says", async () => {
    const api = await startApi();
    const { database } = api.services;
    const one = await makeProxy(database, { region: "cn", priority: 1, remark: "rented" });
    const other = await makeProxy(database, { protocol: "socks5", status: "inactive" });
    await leaseFromPool(database, leaseOrder(), "lru");
    const ids = async (query: string) => {
      const { body } = await api.call(READER, "GET", `${PATH}?${query}`);
      return body.items.map(({ id }: { id: number }) => id);
    };

    expect(await ids("search=rent")).toEqual([one.serial]);
    expect(await ids("search=%25")).toEqual([]);
    expect(await ids("protocol=socks5")).toEqual([other.serial]);
    expect(await ids("region=cn")).toEqual([one.serial]);
    expect(await ids("status=1")).toEqual([other.serial]);
    expect(await ids("sort_by=priority")).toEqual([one.serial, other.serial]);
    expect(await ids("sort_by=active_task_count&sort_order=asc")).toEqual([
      other.serial,
      one.serial,
    ]);
    const paged = await api.call(READER, "GET", `${PATH}?page=0&page_size=1000`);
    expect(paged.body.pagination).toEqual({ page: 1, page_size: 100, total: 2 });
    expect(paged.body.items.map((item: object) => Object.keys(item).includes("password"))).toEqual([
      false,
      false,
    ]);
    for (const query of ["sort_by=password", "status=7", "sort_order=up"]) {
      expect((await api.call(READER, "GET", `${PATH}?${query}`)).status, query).toBe(422);
    }
    expect((await api.call(STRANGER, "GET", PATH)).status).toBe(403);
  });
});

describe("PUT /api/v1/admin/proxies/:id", () => {
  test("changes what is said; an empty password keeps the one there is", async () => {
    const api = await startApi();
    const { serial, id, password } = await makeProxy(api.services.database);
    const path = `${PATH}/${serial}`;

    const kept = await api.call(ADMIN, "PUT", path, { json: { ...NEW, password: "" } });
    const before = await Proxy.findByPk(id, { rejectOnEmpty: true });
    await api.call(ADMIN, "PUT", path, { json: { ...NEW, password: "another" } });

    expect(kept).toMatchObject({ status: 200, body: { success: true } });
    expect(before).toMatchObject({ host: "proxy.example", password });
    expect((await Proxy.findByPk(id))!.password).not.toBe(password);
    expect((await api.call(ADMIN, "PUT", `${PATH}/77`, { json: NEW })).status).toBe(404);
    expect((await api.call(ADMIN, "PUT", `${PATH}/x`, { json: NEW })).status).toBe(422);
    expect(await refusals(api, "PUT", path, NEW)).toEqual([403, 403, 401]);
  });
});

describe("PATCH /api/v1/admin/proxies/:id/status", () => {
  test("takes a proxy out of use, and lets it begin anew", async () => {
    const api = await startApi();
    const { database } = api.services;
    const { serial, id } = await makeProxy(database);
    const path = `${PATH}/${serial}/status`;
    await Proxy.update({ riskScore: 90, cooldownUntil: new Date(4e12) }, { where: { id } });

    await api.call(ADMIN, "PATCH", path, { json: { status: 1 } });
    const out = await Proxy.findByPk(id);
    await api.call(ADMIN, "PATCH", path, { json: { status: 0 } });

    expect(out).toMatchObject({ status: "inactive", riskScore: 90 });
    expect(await leaseFromPool(database, leaseOrder(), "lru")).toMatchObject({ proxyId: id });
    expect((await api.call(ADMIN, "PATCH", path, { json: {} })).status).toBe(422);
    const none = await api.call(ADMIN, "PATCH", `${PATH}/77/status`, { json: { status: 0 } });
    expect(none).toMatchObject({ status: 404, body: { type: "/problems/proxies/not-found" } });
    expect(await refusals(api, "PATCH", path, { status: 0 })).toEqual([403, 403, 401]);
  });
});

describe("DELETE /api/v1/admin/proxies/:id", () => {
  test("takes a proxy out of the pool, audited", async () => {
    const api = await startApi();
    const { serial } = await makeProxy(api.services.database);

    expect(await refusals(api, "DELETE", `${PATH}/${serial}`)).toEqual([403, 403, 401]);
    expect((await api.call(ADMIN, "DELETE", `${PATH}/${serial}`)).body).toEqual({ success: true });
    expect((await api.call(ADMIN, "DELETE", `${PATH}/${serial}`)).status).toBe(404);
    expect((await api.call(READER, "GET", PATH)).body.items).toEqual([]);
    const audited = await AuditEntry.findOne({ where: { action: "proxies.removed" } });
    expect(audited).toMatchObject({ subjectKind: "proxy", subjectId: `${serial}` });
  });
});

describe("GET /api/v1/admin/proxies/source/status", () => {
  const path = `${PATH}/source/status`;

  test("says which way downloads go, and what stands in it", async () => {
    const api = await startApi();
    const { database } = api.services;

    const direct = await api.call(READER, "GET", path);
    const { id } = await makeProxy(database);
    const pool = await api.call(READER, "GET", path);
    await Proxy.update({ riskScore: 80 }, { where: { id } });
    const empty = await api.call(READER, "GET", path);

    expect(direct.body).toMatchObject({ healthy: true, mode: "direct", dynamic_configured: false });
    expect(pool.body).toMatchObject({
      healthy: true,
      mode: "manual_pool",
      available_manual_proxy_count: 1,
    });
    expect(empty.body).toMatchObject({ healthy: false, mode: "manual_pool" });
    expect((await api.call(STRANGER, "GET", path)).status).toBe(403);
  });

  test("shows what the provider complained of, and never its address", async () => {
    const api = await startApi({ env: { PROXY_API_URL: "https://api.example/?key=hidden" } });
    const complaint = "The proxy API answered 500.";
    const restsUntil = new Date(Date.now() + 60_000);
    await ProxyPolicy.update({ complaint, restsUntil }, { where: { scope: "global" } });

    const { body } = await api.call(READER, "GET", path);

    expect(body).toMatchObject({ healthy: false, mode: "dynamic_api", message: complaint });
    expect(body.rests_until).toBe(restsUntil.toISOString());
    expect(JSON.stringify(body)).not.toContain("hidden");
  });
});

describe("GET /api/v1/admin/proxy-policies/current", () => {
  test("shows how proxies are chosen", async () => {
    const api = await startApi();

    const { body } = await api.call(READER, "GET", "/api/v1/admin/proxy-policies/current");

    expect(body).toEqual({
      id: 1,
      scope_type: "global",
      primary_source: "dynamic_api",
      fallback_source: "manual_pool",
      fallback_enabled: true,
      dynamic_timeout_ms: 5000,
      dynamic_retry_count: 2,
      dynamic_circuit_breaker_sec: 60,
      min_lease_ttl_sec: 600,
      manual_selection_strategy: "lru",
    });
  });
});

describe("PUT /api/v1/admin/proxy-policies/:id", () => {
  test("changes it, audited, and gives the provider another chance", async () => {
    const api = await startApi();
    const current = "/api/v1/admin/proxy-policies/current";
    const { id, scope_type, ...terms } = (await api.call(READER, "GET", current)).body;
    const json = { ...terms, fallback_source: null, dynamic_timeout_ms: 3000 };
    await ProxyPolicy.update({ restsUntil: new Date(4e12) }, { where: { scope: "global" } });

    const set = await api.call(ADMIN, "PUT", `/api/v1/admin/proxy-policies/${id}`, { json });

    expect([set.body, scope_type]).toEqual([{ success: true }, "global"]);
    expect((await api.call(READER, "GET", current)).body).toMatchObject(json);
    expect(await ProxyPolicy.findByPk("global")).toMatchObject({ restsUntil: null });
    expect(await AuditEntry.count({ where: { action: "proxies.policy-set" } })).toBe(1);
    const slow = { ...json, dynamic_timeout_ms: 5001 };
    const path = `/api/v1/admin/proxy-policies/${id}`;
    expect((await api.call(ADMIN, "PUT", path, { json: slow })).status).toBe(422);
    expect((await api.call(ADMIN, "PUT", "/api/v1/admin/proxy-policies/9", { json })).status).toBe(
      404,
    );
    expect(await refusals(api, "PUT", path, json)).toEqual([403, 403, 401]);
  });
});

describe("GET /api/v1/admin/proxy-usage-events", () => {
  const path = "/api/v1/admin/proxy-usage-events";

  test("shows how proxies were used, by every filter, and what it comes to", async () => {
    const api = await startApi();
    const { database } = api.services;
    const proxy = await makeProxy(database, { maxConcurrent: 9, region: "cn" });
    const taskId = newId();
    const use = async (fault: "bot_detected" | "terminal_video" | null, platform: string) => {
      const lease = await leaseFromPool(database, { ...leaseOrder({ platform }), taskId }, "lru");
      await endLease(database, { leaseId: lease!.id, fault, reason: fault && "because" });
      return lease!.id;
    };
    const well = await use(null, "youtube");
    const hidden = await use("terminal_video", "youtube");
    const cancelled = await leaseFromPool(database, { ...leaseOrder(), taskId }, "lru");
    await endLease(database, { leaseId: cancelled!.id, fault: null, isDropped: true });
    const bot = await use("bot_detected", "tiktok");
    const ids = async (query: string) => {
      const { body, status } = await api.call(READER, "GET", `${path}?${query}`);
      return status === 200 ? body.events.map(({ id }: { id: string }) => id) : status;
    };

    const all = await api.call(READER, "GET", `${path}?task_id=${taskId}`);
    expect(all.body.pagination.total).toBe(3);
    expect(all.body.summary).toEqual({
      success_count: 1,
      failure_count: 2,
      failure_rate: 2 / 3,
      category_counts: expect.arrayContaining([{ key: "bot_detected", count: 1 }]),
      stage_counts: [{ key: "download", count: 3 }],
      platform_counts: [
        { key: "youtube", count: 2 },
        { key: "tiktok", count: 1 },
      ],
    });
    expect(all.body.events.find(({ id }: { id: string }) => id === bot)).toMatchObject({
      proxy_id: proxy.serial,
      proxy_host: proxy.host,
      proxy_region: "cn",
      proxy_risk_score: 50,
      source_type: "manual",
      success: false,
      error_category: "bot_detected",
      error_message: "because",
    });
    expect(await ids("success=success")).toEqual([well]);
    expect(await ids("error_category=terminal_video")).toEqual([hidden]);
    expect(await ids("platform=tiktok&source_type=manual&stage=download")).toEqual([bot]);
    expect(await ids(`proxy_lease_id=${bot}`)).toEqual([bot]);
    expect(await ids(`proxy_id=${proxy.serial}&success=failed&page_size=1`)).toHaveLength(1);
    expect(await ids("proxy_id=77")).toEqual([]);
    expect(await ids("source_type=dynamic_api")).toEqual([]);
    expect(await ids("stage=parse")).toEqual([]);
    expect(await ids("end_time=2026-01-01T00:00:00Z")).toEqual([]);
    const span = "start_time=2026-01-01T00:00:00Z&end_time";
    for (const wrong of [
      `${span}=2026-02-02T00:00:00Z`,
      `${span}=2025-12-31T00:00:00Z`,
      "stage=x",
    ]) {
      expect(await ids(wrong), wrong).toBe(422);
    }
    expect((await api.call(STRANGER, "GET", path)).status).toBe(403);
  });
});
