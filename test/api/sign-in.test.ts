import { describe, expect, test } from "vitest";
import { z } from "zod";
import { route } from "../../api/route.ts";
import { refusal } from "../../domain/errors.ts";
import { ADMIN, NOBODY, startApi, STRANGER } from "../support/api.ts";
import { Thing, things } from "../support/things.ts";

describe("signing in", () => {
  test("is asked for with 401 and WWW-Authenticate", async () => {
    const api = await startApi({ routes: things });
    const json = { name: "a", count: 1 };

    const none = await api.call(NOBODY, "POST", "/things/1", { json });
    const bad = await api.call(NOBODY, "POST", "/things/1", {
      json,
      headers: { Authorization: "Bearer nonsense" },
    });

    for (const { status, headers, body } of [none, bad]) {
      expect(status).toBe(401);
      expect(headers.get("WWW-Authenticate")).toBe("Bearer");
      expect(body).toMatchObject({ code: "accounts/not-signed-in" });
    }
  });

  test("is not enough without the permission", async () => {
    const api = await startApi({ routes: things });

    expect(await api.call(STRANGER, "POST", "/things/x", { json: {} })).toMatchObject({
      status: 403,
      body: { code: "accounts/not-allowed" },
    });
  });

  test("works with an API key as well", async () => {
    const api = await startApi({ routes: things });

    const { status } = await api.call(NOBODY, "POST", "/things/1", {
      json: { name: "a", count: 1 },
      headers: { "X-API-Key": api.tokenOf(ADMIN) },
    });

    expect(status).toBe(201);
  });

  test("does not matter on a public route, not even a bad try", async () => {
    const api = await startApi({ routes: things });

    const { status } = await api.call(NOBODY, "GET", "/things/1", {
      headers: { Authorization: "Bearer nonsense", "X-API-Key": "nonsense" },
    });

    expect(status).toBe(200);
  });

  test("with a store of accounts that cannot be reached is 503, not 401", async () => {
    const away = Object.assign(new Error("x"), { code: "ECONNREFUSED" });
    const api = await startApi({ routes: things, authenticate: () => () => Promise.reject(away) });

    const { status } = await api.call(NOBODY, "POST", "/things/1", {
      headers: { Authorization: "Bearer any" },
    });

    expect(status).toBe(503);
  });
});

describe("a route for API keys in the coded dialect", () => {
  const query = route({
    method: "get",
    path: "/query",
    summary: "The client API",
    access: "packages:query",
    credential: "api-key",
    dialect: "coded",
    query: z.strictObject({ package_id: z.coerce.number().int().optional() }),
    returns: [200, Thing],
    handle: () => ({ id: "1" }),
  });

  test("wraps what it answers", async () => {
    const api = await startApi({ routes: { query } });

    const answer = await api.call(NOBODY, "GET", "/query", {
      headers: { "X-API-Key": api.tokenOf(ADMIN) },
    });

    expect(answer.body).toEqual({ code: 200, message: "success", data: { id: "1" } });
  });

  test("shows a missing key as a fault of the request, beside the others", async () => {
    const api = await startApi({ routes: { query } });

    const { status, headers, body } = await api.call(ADMIN, "GET", "/query?package_id=x");

    expect(status).toBe(422);
    expect(headers.get("Content-Type")).toMatch(/^application\/json/);
    expect(body).toMatchObject({
      code: 422,
      message: "Validation Error",
      error_code: "request/invalid",
    });
    expect(body.request_id).toBe(headers.get("X-Request-ID"));
    expect(body.data).toEqual([
      { type: "missing", loc: ["header", "X-API-Key"], msg: "is missing" },
      { type: "value_error", loc: ["query", "package_id"], msg: expect.any(String) as string },
    ]);
  });

  test("refuses a wrong key with 403", async () => {
    const api = await startApi({ routes: { query } });

    const { status, headers, body } = await api.call(NOBODY, "GET", "/query", {
      headers: { "X-API-Key": "wrong" },
    });

    expect({ status, body }).toEqual({
      status: 403,
      body: {
        code: 403,
        message: "Invalid API Key",
        data: null,
        error_code: "accounts/api-key-invalid",
        request_id: headers.get("X-Request-ID"),
      },
    });
  });

  test("takes no bearer token", async () => {
    const api = await startApi({ routes: { query } });

    const { status } = await api.call(ADMIN, "GET", "/query", {
      headers: { "X-API-Key": api.tokenOf(STRANGER) },
    });

    expect(status).toBe(403);
  });
});

describe("a route in the status dialect", () => {
  const card = route({
    method: "post",
    path: "/card",
    summary: "The card API",
    access: "public",
    dialect: "status",
    body: z.strictObject({ card: z.string() }),
    returns: [200, Thing],
    handle({ body }) {
      if (body.card === "old") throw refusal("packages/not-found", "No such card.");
      return { id: body.card };
    },
  });

  test("says success or error beside the rest", async () => {
    const api = await startApi({ routes: { card } });

    const good = await api.call(NOBODY, "POST", "/card", { json: { card: "a" } });
    const no = await api.call(NOBODY, "POST", "/card", { json: { card: "old" } });
    const bad = await api.call(NOBODY, "POST", "/card", { json: {} });

    expect(good.body).toEqual({ status: "success", id: "a" });
    expect(no).toMatchObject({
      status: 404,
      body: { status: "error", message: "No such card.", code: "NOT_FOUND" },
    });
    expect(bad).toMatchObject({
      status: 422,
      body: { status: "error", message: "card: is missing", code: "INVALID" },
    });
  });
});

describe("a browser", () => {
  test("is told to trust nothing that is not said", async () => {
    const api = await startApi({ routes: things });

    const { headers } = await api.call(NOBODY, "GET", "/nowhere");

    expect(headers.get("Content-Security-Policy")).toBe(
      "default-src 'none';frame-ancestors 'none'",
    );
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(headers.get("X-Frame-Options")).toBe("DENY");
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(headers.get("X-Powered-By")).toBeNull();
    expect(headers.get("Strict-Transport-Security")).toBeNull();
  });

  test("is told to keep to https when that is where the API is", async () => {
    const api = await startApi({ routes: things, env: { PUBLIC_URL: "https://dl.example.test" } });

    const { headers } = await api.call(NOBODY, "GET", "/things/1");

    expect(headers.get("Strict-Transport-Security")).toContain("max-age=");
  });

  test("may call from a page of a listed origin, and hears refusals too", async () => {
    const api = await startApi({
      routes: things,
      env: { CORS_ORIGINS: "https://console.example.test" },
    });
    const from = (Origin: string, method: string, path: string) =>
      api.call(NOBODY, method, path, {
        headers: { Origin, "Access-Control-Request-Method": "POST" },
      });

    const preflight = await from("https://console.example.test", "OPTIONS", "/things/1");
    const refused = await from("https://console.example.test", "POST", "/things/1");
    const other = await from("https://evil.example.test", "GET", "/things/1");

    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("Access-Control-Allow-Methods")).toContain("POST");
    expect(refused.status).toBe(401);
    expect(refused.headers.get("Access-Control-Allow-Origin")).toBe("https://console.example.test");
    expect(other.headers.get("Access-Control-Allow-Origin")).toBeNull();
  });
});
