import { describe, expect, test } from "vitest";
import * as platform from "../../api/routes/platform.ts";
import type { Readiness } from "../../api/services.ts";
import { NOBODY, startApi } from "../support/api.ts";

function start(readiness: Partial<Readiness> = {}) {
  return startApi({
    routes: platform,
    services: {
      readiness: async () => ({ ready: true, checks: {}, warnings: [], ...readiness }),
    },
  });
}

const WITHOUT_TEMPORAL = {
  ready: false,
  checks: { database: { ok: true }, temporal: { ok: false, detail: "cannot be reached" } },
};

describe("GET /", () => {
  test("is JSON for programs", async () => {
    const api = await start();

    const { headers, body } = await api.call(NOBODY, "GET", "/");

    expect(body).toEqual({
      message: "Longhaul",
      version: "0.0.0-test",
      docs: "/docs",
      api: "/api/v1",
      cards: {
        validate: "/api/validate",
        status: "/api/status/{code}",
        health: "/api/health",
        keys: "/.well-known/card-keys.json",
      },
    });
    expect(headers.get("Vary")).toContain("Accept");
  });

  test.each([
    ["zh-CN,zh;q=0.9,en;q=0.8", "zh-CN", "API 文档"],
    ["en-GB", "en", "API documentation"],
    ["fr", "en", "API documentation"],
  ])("is a page for browsers, for %s in %s", async (accepted, language, text) => {
    const api = await start();

    const { headers, body } = await api.call(NOBODY, "GET", "/", {
      headers: { Accept: "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": accepted },
    });

    expect(headers.get("Content-Type")).toBe("text/html; charset=utf-8");
    expect(headers.get("Content-Language")).toBe(language);
    expect(body).toContain(text);
  });
});

describe("GET /health", () => {
  test("is 200 and healthy, or 200 and degraded", async () => {
    const [well, ill] = [await start(), await start(WITHOUT_TEMPORAL)];

    expect(await well.call(NOBODY, "GET", "/health")).toMatchObject({
      status: 200,
      body: { status: "healthy", version: "0.0.0-test", service: "longhaul" },
    });
    expect(await ill.call(NOBODY, "GET", "/health")).toMatchObject({
      status: 200,
      body: { status: "degraded" },
    });
  });
});

describe("GET /live", () => {
  test("is 200 even when nothing else is there", async () => {
    const api = await start(WITHOUT_TEMPORAL);

    expect((await api.call(NOBODY, "GET", "/live")).status).toBe(200);
  });
});

describe("GET /ready", () => {
  test("is 200 with warnings beside", async () => {
    const api = await start({ checks: { database: { ok: true } }, warnings: ["No APK tools."] });

    expect(await api.call(NOBODY, "GET", "/ready")).toMatchObject({
      status: 200,
      body: { status: "ready", checks: { database: { ok: true } }, warnings: ["No APK tools."] },
    });
  });

  test("is 503 and names what is not ready", async () => {
    const api = await start(WITHOUT_TEMPORAL);

    const { status, headers, body } = await api.call(NOBODY, "GET", "/ready");

    expect(status).toBe(503);
    expect(headers.get("Retry-After")).toBeDefined();
    expect(body).toMatchObject({
      code: "platform/not-ready",
      detail: "Not ready: temporal.",
      checks: { temporal: { ok: false, detail: "cannot be reached" } },
    });
  });
});

describe("GET /version", () => {
  test("says what runs here", async () => {
    const api = await start();

    expect((await api.call(NOBODY, "GET", "/version")).body).toEqual({
      version: "0.0.0-test",
      node: process.version,
    });
  });
});

describe("GET /metrics", () => {
  test("shows this process's counters to Prometheus", async () => {
    const api = await start();

    const { headers, body } = await api.call(NOBODY, "GET", "/metrics");

    expect(headers.get("Content-Type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(body).toContain("# TYPE longhaul_http_request_seconds histogram");
  });
});
