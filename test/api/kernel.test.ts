import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { PassThrough } from "node:stream";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { route } from "../../api/route.ts";
import { refusal } from "../../domain/errors.ts";
import { ADMIN, startApi, STRANGER } from "../support/api.ts";
import { send, sendBytes } from "../support/http.ts";

const Thing = z.strictObject({ id: z.string() });

const readThing = route({
  method: "get",
  path: "/things/:id",
  summary: "One thing",
  access: "public",
  params: z.strictObject({ id: z.string().regex(/^\d+$/, "must be a number") }),
  query: z.strictObject({ size: z.coerce.number().int().optional() }),
  returns: [200, Thing],
  handle: ({ params }) => ({ id: params.id }),
});

const findThings = route({
  method: "get",
  path: "/things/search",
  summary: "All things",
  access: "public",
  returns: [200, Thing],
  handle: () => ({ id: "search" }),
});

const makeThing = route({
  method: "post",
  path: "/things/:id",
  summary: "A new thing",
  access: "packages:upload",
  params: z.strictObject({ id: z.string().regex(/^\d+$/, "must be a number") }),
  query: z.strictObject({ dry: z.enum(["yes", "no"]).optional() }),
  body: z.strictObject({ name: z.string().min(1), count: z.number().int() }),
  returns: [201, Thing],
  handle({ body, params, header }) {
    header("Location", `/things/${params.id}`);
    return { id: body.name };
  },
});

const things = { readThing, findThings, makeThing };

/** A public GET that does this. */
function doing(handle: () => unknown) {
  return route({
    method: "get",
    path: "/doing",
    summary: "Does it",
    access: "public",
    returns: [200, z.unknown()],
    handle,
  });
}

describe("a request", () => {
  test("keeps the id that the client gave it, when it is a sane one", async () => {
    const api = await startApi({ routes: things });

    const kept = await api.call(undefined, "GET", "/things/1", {
      headers: { "X-Request-ID": "abc-1" },
    });
    const made = await api.call(undefined, "GET", "/things/1", {
      headers: { "X-Request-ID": "a b<c>" },
    });

    expect(kept.headers.get("X-Request-ID")).toBe("abc-1");
    expect(made.headers.get("X-Request-ID")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  test("is logged in one line, without its query", async () => {
    const api = await startApi({ routes: things });

    await api.call(ADMIN, "GET", "/things/1?size=3&ticket=hidden");

    await vi.waitFor(() => {
      const lines = api.logged.filter(({ msg }) => msg === "request answered");
      expect(lines).toMatchObject([
        {
          method: "GET",
          path: "/things/1",
          operation: "readThing",
          status: 422,
          accountId: ADMIN.accountId,
          requestId: expect.any(String) as string,
        },
      ]);
    });
    expect(JSON.stringify(api.logged)).not.toContain("hidden");
  });

  test("is counted by its route, and unknown paths as one", async () => {
    const api = await startApi({ routes: things });

    await api.call(undefined, "GET", "/things/1");
    await api.call(undefined, "GET", "/nowhere/7");

    await vi.waitFor(async () => {
      const text = await api.services.metrics.metrics();
      expect(text).toContain(
        'longhaul_http_request_seconds_count{operation="readThing",method="GET",status="200"} 1',
      );
      expect(text).toContain(
        'longhaul_http_request_seconds_count{operation="none",method="GET",status="404"} 1',
      );
    });
  });

  test("comes from the connection's address when no proxy is trusted, whatever it claims", async () => {
    const address = route({ ...doing(() => 0), handle: ({ address }) => address });
    const api = await startApi({ routes: { address } });

    const { body } = await api.call(undefined, "GET", "/doing", {
      headers: { "X-Forwarded-For": "203.0.113.7" },
    });

    expect(body).toBe("127.0.0.1");
  });

  test("comes from the address that the outermost trusted proxy saw", async () => {
    const address = route({ ...doing(() => 0), handle: ({ address }) => address });
    const api = await startApi({ routes: { address }, env: { TRUST_PROXY: "2" } });
    const from = async (forwarded: string) => {
      const headers = { "X-Forwarded-For": forwarded };
      return (await api.call(undefined, "GET", "/doing", { headers })).body as string;
    };

    expect(await from("1.1.1.1, 203.0.113.7, 10.0.0.1")).toBe("203.0.113.7");
    expect(await from("2001:db8::7, 10.0.0.1")).toBe("2001:db8::7");
    expect(await from("no address, 10.0.0.1")).toBe("127.0.0.1");
  });
});

describe("routing", () => {
  test("prefers a literal path to one with a parameter, in whatever order they are listed", async () => {
    const api = await startApi({ routes: things });

    expect(await api.call(undefined, "GET", "/things/search")).toMatchObject({
      status: 200,
      body: { id: "search" },
    });
  });

  test("answers an unknown path with a 404 problem", async () => {
    const api = await startApi({ routes: things });

    const { status, headers, body } = await api.call(undefined, "GET", "/Things/1");

    expect(status).toBe(404);
    expect(headers.get("Content-Type")).toMatch(/^application\/problem\+json/);
    expect(body).toMatchObject({
      type: "/problems/request/not-found",
      title: "Not found",
      status: 404,
      code: "request/not-found",
      request_id: headers.get("X-Request-ID"),
    });
  });

  test("answers an unknown method with 405 and what is allowed", async () => {
    const api = await startApi({ routes: things });

    const { status, headers, body } = await api.call(undefined, "DELETE", "/things/1");

    expect(status).toBe(405);
    expect(headers.get("Allow")?.split(", ").sort()).toEqual(["GET", "HEAD", "OPTIONS", "POST"]);
    expect(body).toMatchObject({ code: "request/method-not-allowed" });
  });

  test("answers OPTIONS with what is allowed", async () => {
    const api = await startApi({ routes: things });

    const { status, headers } = await api.call(undefined, "OPTIONS", "/things/search");

    expect(status).toBe(204);
    expect(headers.get("Allow")).toContain("GET");
  });

  test("answers HEAD as GET, without the body", async () => {
    const api = await startApi({ routes: things });

    const got = await send(api.address, { path: "/things/1" });
    const head = await send(api.address, { method: "HEAD", path: "/things/1" });

    expect(head.status).toBe(200);
    expect(head.text).toBe("");
    expect(head.headers["content-length"]).toBe(got.headers["content-length"]);
    expect(head.headers["content-type"]).toBe(got.headers["content-type"]);
  });

  test("survives a path that is not valid percent-encoding", async () => {
    const api = await startApi({ routes: things });

    const answer = await sendBytes(
      api.address,
      "GET /things/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );

    expect(answer).toContain("HTTP/1.1 422");
  });
});

describe("an invalid request", () => {
  test("is told all its faults at once, in path, query, header and body", async () => {
    const api = await startApi({ routes: things });

    const { status, headers, body } = await api.call(ADMIN, "POST", "/things/x?dry=maybe", {
      headers: { "Idempotency-Key": "k".repeat(256) },
      json: { count: "3", more: true },
    });

    expect(status).toBe(422);
    expect(headers.get("Content-Type")).toMatch(/^application\/problem\+json/);
    expect(body).toMatchObject({ type: "/problems/request/invalid", code: "request/invalid" });
    expect(body.issues).toHaveLength(6);
    expect(body.issues).toEqual(
      expect.arrayContaining([
        { path: "id", in: "path", message: "must be a number" },
        { path: "dry", in: "query", message: expect.any(String) as string },
        { path: "Idempotency-Key", in: "header", message: expect.any(String) as string },
        { path: "name", in: "body", message: "is missing" },
        { path: "count", in: "body", message: expect.any(String) as string },
        { path: "more", in: "body", message: "is not known here" },
      ]),
    );
    expect(body.detail).toContain("name: is missing");
  });

  test("is told when a query parameter is given twice", async () => {
    const api = await startApi({ routes: things });

    const { status, body } = await api.call(undefined, "GET", "/things/1?size=1&size=2");

    expect(status).toBe(422);
    expect(body.issues).toMatchObject([{ path: "size", in: "query" }]);
  });

  test("is told when it has no body where one is needed", async () => {
    const api = await startApi({ routes: things });

    const { status, body } = await api.call(ADMIN, "POST", "/things/1");

    expect(status).toBe(422);
    expect(body.issues).toMatchObject([{ path: "", in: "body", message: "is missing" }]);
  });

  test("cannot smuggle __proto__ in", async () => {
    const api = await startApi({ routes: things });
    const text = '{"name":"a","count":1,"__proto__":{"admin":true}}';

    const { status } = await send(api.address, {
      method: "POST",
      path: "/things/1",
      headers: {
        Authorization: `Bearer ${api.tokenOf(ADMIN)}`,
        "Content-Type": "application/json",
      },
      body: text,
    });

    expect(status).toBe(422);
    expect(({} as { admin?: true }).admin).toBeUndefined();
  });
});

describe("a body", () => {
  async function post(body: string | Buffer, headers: Record<string, string> = {}) {
    const api = await startApi({ routes: things });
    const answer = await send(api.address, {
      method: "POST",
      path: "/things/1",
      headers: {
        Authorization: `Bearer ${api.tokenOf(ADMIN)}`,
        "Content-Type": "application/json",
        ...headers,
      },
      body,
    });
    return { ...answer, body: JSON.parse(answer.text) as { code: string } };
  }

  test("of valid JSON is taken", async () => {
    const { status, headers, text } = await post('{"name":"一","count":2}');

    expect({ status, text, location: headers.location }).toEqual({
      status: 201,
      text: '{"id":"一"}',
      location: "/things/1",
    });
  });

  test("of malformed JSON is refused with 400", async () => {
    expect(await post('{"name":')).toMatchObject({
      status: 400,
      body: { code: "request/malformed" },
    });
  });

  test("that is not UTF-8 is refused with 400", async () => {
    const latin1 = Buffer.from('{"name":"é","count":1}', "latin1");

    expect(await post(latin1)).toMatchObject({ status: 400, body: { code: "request/malformed" } });
  });

  test.each([
    ["another type", { "Content-Type": "text/plain" }],
    ["another charset", { "Content-Type": "application/json; charset=gbk" }],
    ["a content coding", { "Content-Encoding": "gzip" }],
  ])("of %s is refused with 415", async (_, headers) => {
    expect(await post("{}", headers)).toMatchObject({
      status: 415,
      body: { code: "request/unsupported-media-type" },
    });
  });

  test("with its charset named UTF-8 is taken", async () => {
    const { status } = await post('{"name":"a","count":1}', {
      "Content-Type": "application/json; charset=UTF-8",
    });

    expect(status).toBe(201);
  });

  test("that says it is too large is refused with 413 before it is read", async () => {
    expect(await post("x".repeat(1024 * 1024 + 1))).toMatchObject({
      status: 413,
      body: { code: "request/too-large" },
    });
  });

  test("that turns out too large while it comes is refused with 413", async () => {
    const api = await startApi({ routes: things });
    const chunk = "x".repeat(64 * 1024);
    const size = chunk.length.toString(16);
    const token = api.tokenOf(ADMIN);

    const answer = await sendBytes(
      api.address,
      `POST /things/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
      ...Array.from({ length: 20 }, () => `${size}\r\n${chunk}\r\n`),
    );

    expect(answer).toContain("HTTP/1.1 413");
    expect(answer).toContain("request/too-large");
    expect(answer).toMatch(/connection: close/i);
  });

  test("is not asked for when the request is refused anyway", async () => {
    const api = await startApi({ routes: things });
    const { hostname, port } = new URL(api.address);
    const socket = connect(Number(port), hostname);

    socket.write(
      "POST /things/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
    );
    const [first] = (await once(socket, "data")) as [Buffer];
    socket.destroy();

    expect(first.toString()).toContain("HTTP/1.1 401");
    expect(first.toString()).not.toContain("100 Continue");
  });

  test("is asked for when the client waits and the request is right so far", async () => {
    const api = await startApi({ routes: things });
    const body = '{"name":"a","count":1}';
    const { hostname, port } = new URL(api.address);
    const socket = connect(Number(port), hostname);

    socket.write(
      `POST /things/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.tokenOf(ADMIN)}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    const [go] = (await once(socket, "data")) as [Buffer];
    socket.write(body);
    const [answer] = (await once(socket, "data")) as [Buffer];
    socket.destroy();

    expect(go.toString()).toContain("100 Continue");
    expect(answer.toString()).toContain("HTTP/1.1 201");
  });

  test("that nobody wants does not stand in the way of the next request on its connection", async () => {
    const api = await startApi({ routes: things });
    const body = "x".repeat(40_000);

    const answer = await sendBytes(
      api.address,
      `POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      "GET /things/7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );

    expect(answer).toContain("HTTP/1.1 404");
    expect(answer).toContain('{"id":"7"}');
  });
});

describe("a failure", () => {
  test("that nobody expected is logged once with its causes, and told without inner text", async () => {
    const bug = doing(() => {
      throw new Error("the outer", { cause: new Error("the inner secret") });
    });
    const api = await startApi({ routes: { bug } });

    const { status, body } = await api.call(undefined, "GET", "/doing");

    expect(status).toBe(500);
    expect(body).toMatchObject({ code: "platform/bug", request_id: expect.any(String) as string });
    expect(JSON.stringify(body)).not.toMatch(/outer|inner/);
    const errors = api.logged.filter(({ level }) => level === 50);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ requestId: body.request_id as string });
    expect(JSON.stringify(errors[0])).toMatch(/the outer.*the inner secret/);
  });

  test("of ours is told as it is, with its fields and headers", async () => {
    const no = doing(() => {
      throw refusal("packages/name-taken", "There is one of this name.", {
        fields: { package_id: "7" },
        headers: { Location: "/api/v1/packages/7" },
      });
    });
    const api = await startApi({ routes: { no } });

    const { status, headers, body } = await api.call(undefined, "GET", "/doing");

    expect({ status, location: headers.get("Location"), body }).toMatchObject({
      status: 409,
      location: "/api/v1/packages/7",
      body: {
        type: "/problems/packages/name-taken",
        title: "Name taken",
        detail: "There is one of this name.",
        package_id: "7",
      },
    });
    expect(api.logged.filter(({ level }) => (level as number) >= 40)).toEqual([]);
  });

  test.each([
    ["Temporal", Object.assign(new Error("14 UNAVAILABLE"), { code: 14 })],
    ["the database", Object.assign(new Error("x"), { name: "SequelizeConnectionRefusedError" })],
    ["Redis", Object.assign(new Error("x"), { name: "MaxRetriesPerRequestError" })],
    ["the store", Object.assign(new Error("x"), { $metadata: { httpStatusCode: 503 } })],
    [
      "any address",
      new Error("x", { cause: Object.assign(new Error("y"), { code: "ECONNREFUSED" }) }),
    ],
  ])("to reach %s is 503 with Retry-After", async (_, error) => {
    const away = doing(() => {
      throw error;
    });
    const api = await startApi({ routes: { away } });

    const { status, headers, body } = await api.call(undefined, "GET", "/doing");

    expect(status).toBe(503);
    expect(headers.get("Retry-After")).toMatch(/^\d+$/);
    expect(body).toMatchObject({ code: "platform/not-ready" });
  });

  test("to answer the declared shape is a bug, and nothing is stripped silently", async () => {
    const wrong = route({
      ...findThings,
      handle: () => ({ id: "1", more: "x" }) as { id: string },
    });
    const api = await startApi({ routes: { wrong } });

    const { status } = await api.call(undefined, "GET", "/things/search");

    expect(status).toBe(500);
    expect(JSON.stringify(api.logged)).toContain("answers what it does not declare");
  });

  test("to answer the declared shape is only logged in production", async () => {
    const wrong = route({
      ...findThings,
      handle: () => ({ id: "1", more: "x" }) as { id: string },
    });
    const { services } = await startApi({ routes: {} });
    const env = { ...services.env, production: true };
    const api = await startApi({ routes: { wrong }, services: { env } });

    const { status, body } = await api.call(undefined, "GET", "/things/search");

    expect({ status, body }).toEqual({ status: 200, body: { id: "1", more: "x" } });
    expect(JSON.stringify(api.logged)).toContain("answers what it does not declare");
  });

  test("is not what a client that leaves causes: it is counted as aborted", async () => {
    let arrived = () => {};
    const here = new Promise<void>((resolve) => (arrived = resolve));
    let left: AbortSignal | undefined;
    const slow = route({
      ...doing(() => 0),
      async handle({ signal }) {
        left = signal;
        arrived();
        await once(signal, "abort");
        throw Object.assign(new Error("premature"), { code: "ERR_STREAM_PREMATURE_CLOSE" });
      },
    });
    const api = await startApi({ routes: { slow } });
    const client = new AbortController();

    const asked = fetch(`${api.address}/doing`, { signal: client.signal });
    await here;
    client.abort();
    await expect(asked).rejects.toThrow();

    await vi.waitFor(async () => {
      expect(left?.aborted).toBe(true);
      expect(await api.services.metrics.metrics()).toContain(
        'longhaul_http_aborted_total{operation="slow"} 1',
      );
    });
    expect(api.logged.filter(({ level }) => (level as number) >= 40)).toEqual([]);
  });
});

describe("signing in", () => {
  test("is asked for with 401 and WWW-Authenticate", async () => {
    const api = await startApi({ routes: things });
    const json = { name: "a", count: 1 };

    const none = await api.call(undefined, "POST", "/things/1", { json });
    const bad = await api.call(undefined, "POST", "/things/1", {
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

    const { status } = await api.call(undefined, "POST", "/things/1", {
      json: { name: "a", count: 1 },
      headers: { "X-API-Key": api.tokenOf(ADMIN) },
    });

    expect(status).toBe(201);
  });

  test("does not matter on a public route, not even a bad try", async () => {
    const api = await startApi({ routes: things });

    const { status } = await api.call(undefined, "GET", "/things/1", {
      headers: { Authorization: "Bearer nonsense", "X-API-Key": "nonsense" },
    });

    expect(status).toBe(200);
  });

  test("with a store of accounts that cannot be reached is 503, not 401", async () => {
    const away = Object.assign(new Error("x"), { code: "ECONNREFUSED" });
    const api = await startApi({ routes: things, authenticate: () => () => Promise.reject(away) });

    const { status } = await api.call(undefined, "POST", "/things/1", {
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

    const answer = await api.call(undefined, "GET", "/query", {
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

    const { status, headers, body } = await api.call(undefined, "GET", "/query", {
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

    const good = await api.call(undefined, "POST", "/card", { json: { card: "a" } });
    const no = await api.call(undefined, "POST", "/card", { json: { card: "old" } });
    const bad = await api.call(undefined, "POST", "/card", { json: {} });

    expect(good.body).toEqual({ status: "success", id: "a" });
    expect(no).toMatchObject({
      status: 404,
      body: { status: "error", message: "No such card.", code: "packages/not-found" },
    });
    expect(bad).toMatchObject({
      status: 422,
      body: { status: "error", message: "card: is missing", code: "request/invalid" },
    });
  });
});

describe("a browser", () => {
  test("is told to trust nothing that is not said", async () => {
    const api = await startApi({ routes: things });

    const { headers } = await api.call(undefined, "GET", "/nowhere");

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

    const { headers } = await api.call(undefined, "GET", "/things/1");

    expect(headers.get("Strict-Transport-Security")).toContain("max-age=");
  });

  test("may call from a page of a listed origin, and hears refusals too", async () => {
    const api = await startApi({
      routes: things,
      env: { CORS_ORIGINS: "https://console.example.test" },
    });
    const from = (Origin: string, method: string, path: string) =>
      api.call(undefined, method, path, {
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

describe("text that grows", () => {
  function growing(source: PassThrough) {
    return route({
      method: "get",
      path: "/log",
      summary: "A log",
      access: "public",
      returns: "text",
      handle: () => source,
    });
  }

  test("arrives as it is written", async () => {
    const source = new PassThrough();
    const api = await startApi({ routes: { log: growing(source) } });

    const response = await fetch(`${api.address}/log`);
    const reader = response.body!.getReader();
    source.write("first\n");
    const { value } = await reader.read();
    source.end();

    expect(Buffer.from(value!).toString()).toBe("first\n");
    expect(response.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
    expect(response.headers.get("X-Accel-Buffering")).toBe("no");
    expect((await reader.read()).done).toBe(true);
  });

  test("is ended at its source when the client goes", async () => {
    const source = new PassThrough();
    const api = await startApi({ routes: { log: growing(source) } });
    const client = new AbortController();

    await fetch(`${api.address}/log`, { signal: client.signal });
    client.abort();

    await vi.waitFor(() => expect(source.destroyed).toBe(true));
    expect(api.logged.filter(({ level }) => (level as number) >= 40)).toEqual([]);
  });

  test("that breaks off is no whole answer", async () => {
    const source = new PassThrough();
    const api = await startApi({ routes: { log: growing(source) } });

    const response = await fetch(`${api.address}/log`);
    source.destroy(new Error("the disk is gone"));

    await expect(response.text()).rejects.toThrow();
    await vi.waitFor(() => expect(JSON.stringify(api.logged)).toContain("the disk is gone"));
  });

  test("is not begun for a HEAD", async () => {
    const source = new PassThrough();
    const api = await startApi({ routes: { log: growing(source) } });

    const { status, headers } = await send(api.address, { method: "HEAD", path: "/log" });

    expect({ status, type: headers["content-type"] }).toEqual({
      status: 200,
      type: "text/plain; charset=utf-8",
    });
    expect(source.destroyed).toBe(true);
  });
});

describe("stopping", () => {
  test("lets a request in flight end, and takes no new connection", async () => {
    let finish = () => {};
    let arrived = () => {};
    const here = new Promise<void>((resolve) => (arrived = resolve));
    const slow = doing(async () => {
      arrived();
      await new Promise<void>((resolve) => (finish = resolve));
      return "done";
    });
    const api = await startApi({ routes: { slow } });

    const asked = api.call(undefined, "GET", "/doing");
    await here;
    const closed = api.close(10_000);
    await vi.waitFor(() => expect(fetch(api.address)).rejects.toThrow());
    finish();

    expect(await asked).toMatchObject({ status: 200, body: "done" });
    await closed;
  });

  test("cuts what lasts longer than the deadline", async () => {
    const source = new PassThrough();
    const log = route({
      ...doing(() => 0),
      returns: "text",
      handle: () => source,
    });
    const api = await startApi({ routes: { log } });

    const response = await fetch(`${api.address}/doing`);
    await api.close(20);

    await expect(response.text()).rejects.toThrow();
    await vi.waitFor(() => expect(source.destroyed).toBe(true));
  });

  test("a port in use is named when starting", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const { listen } = await import("../../api/listen.ts");
    const { createApp } = await import("../../api/app.ts");
    const { services } = await startApi({ routes: {} });
    services.metrics.clear();
    const app = createApp({}, services, { authenticate: () => Promise.reject(new Error()) });

    await expect(listen(app, { host: "127.0.0.1", port })).rejects.toThrow(
      new RegExp(`PORT: ${port} .* in use`),
    );
    other.close();
  });
});
