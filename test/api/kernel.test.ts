import { once } from "node:events";
import { describe, expect, test, vi } from "vitest";
import { route } from "../../api/route.ts";
import { refusal } from "../../domain/errors.ts";
import { ADMIN, NOBODY, startApi } from "../support/api.ts";
import { send, sendBytes } from "../support/http.ts";
import { doing, findThings, things } from "../support/things.ts";

describe("a request", () => {
  test("keeps the id that the client gave it, when it is a sane one", async () => {
    const api = await startApi({ routes: things });

    const kept = await api.call(NOBODY, "GET", "/things/1", {
      headers: { "X-Request-ID": "abc-1" },
    });
    const made = await api.call(NOBODY, "GET", "/things/1", {
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
    }, 20_000);
    expect(JSON.stringify(api.logged)).not.toContain("hidden");
  });

  test("is counted by its route, and unknown paths as one", async () => {
    const api = await startApi({ routes: things });

    await api.call(NOBODY, "GET", "/things/1");
    await api.call(NOBODY, "GET", "/nowhere/7");

    await vi.waitFor(async () => {
      const text = await api.services.metrics.metrics();
      expect(text).toContain(
        'longhaul_http_request_seconds_count{operation="readThing",method="GET",status="200"} 1',
      );
      expect(text).toContain(
        'longhaul_http_request_seconds_count{operation="none",method="GET",status="404"} 1',
      );
    }, 20_000);
  });

  test("comes from the connection's address when no proxy is trusted, whatever it claims", async () => {
    const address = route({ ...doing(() => 0), handle: ({ address }) => address });
    const api = await startApi({ routes: { address } });

    const { body } = await api.call(NOBODY, "GET", "/doing", {
      headers: { "X-Forwarded-For": "203.0.113.7" },
    });

    expect(body).toBe("127.0.0.1");
  });

  test("comes from the address that the outermost trusted proxy saw", async () => {
    const address = route({ ...doing(() => 0), handle: ({ address }) => address });
    const api = await startApi({ routes: { address }, env: { TRUST_PROXY: "2" } });
    const from = async (forwarded: string) => {
      const headers = { "X-Forwarded-For": forwarded };
      return (await api.call(NOBODY, "GET", "/doing", { headers })).body as string;
    };

    expect(await from("1.1.1.1, 203.0.113.7, 10.0.0.1")).toBe("203.0.113.7");
    expect(await from("2001:db8::7, 10.0.0.1")).toBe("2001:db8::7");
    expect(await from("no address, 10.0.0.1")).toBe("127.0.0.1");
  });
});

describe("routing", () => {
  test("prefers a literal path to one with a parameter, in whatever order they are listed", async () => {
    const api = await startApi({ routes: things });

    expect(await api.call(NOBODY, "GET", "/things/search")).toMatchObject({
      status: 200,
      body: { id: "search" },
    });
  });

  test("refuses to start with two routes of one method and path", async () => {
    const { readThing } = things;
    const twice = { readThing, readOther: { ...readThing, path: "/things/:other" } };

    await expect(startApi({ routes: twice })).rejects.toThrow(/of another route/);
  });

  test("answers an unknown path with a 404 problem", async () => {
    const api = await startApi({ routes: things });

    const { status, headers, body } = await api.call(NOBODY, "GET", "/Things/1");

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

    const { status, headers, body } = await api.call(NOBODY, "DELETE", "/things/1");

    expect(status).toBe(405);
    expect(headers.get("Allow")?.split(", ").sort()).toEqual(["GET", "HEAD", "OPTIONS", "POST"]);
    expect(body).toMatchObject({ code: "request/method-not-allowed" });
  });

  test("answers OPTIONS with what is allowed", async () => {
    const api = await startApi({ routes: things });

    const { status, headers } = await api.call(NOBODY, "OPTIONS", "/things/search");

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

    const { status, body } = await api.call(NOBODY, "GET", "/things/1?size=1&size=2");

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

describe("a failure", () => {
  test("that nobody expected is logged once with its causes, and told without inner text", async () => {
    const bug = doing(() => {
      throw new Error("the outer", { cause: new Error("the inner secret") });
    });
    const api = await startApi({ routes: { bug } });

    const { status, body } = await api.call(NOBODY, "GET", "/doing");

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

    const { status, headers, body } = await api.call(NOBODY, "GET", "/doing");

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

    const { status, headers, body } = await api.call(NOBODY, "GET", "/doing");

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

    const { status } = await api.call(NOBODY, "GET", "/things/search");

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

    const { status, body } = await api.call(NOBODY, "GET", "/things/search");

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
    await expect(asked).rejects.toThrow(/terminated|aborted|fetch failed|socket/);

    await vi.waitFor(async () => {
      expect(left?.aborted).toBe(true);
      expect(await api.services.metrics.metrics()).toContain(
        'longhaul_http_aborted_total{operation="slow"} 1',
      );
    }, 20_000);
    expect(api.logged.filter(({ level }) => (level as number) >= 40)).toEqual([]);
  });
});
