import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { type Route, route } from "../../api/route.ts";
import type { Actor } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { type Limiter, openLimiter } from "../../platform/limiter.ts";
import { ADMIN, startApi, STRANGER } from "../support/api.ts";
import { sendBytes } from "../support/http.ts";

type Tools = Pick<Parameters<Route["handle"]>[0], "header" | "prefers">;

const outcomes = {
  answers: () => ({ said: "good" }),
  tags: ({ header }: Tools) => {
    header("ETag", '"tag"');
    header("Cache-Control", "no-cache");
    return { said: "good" };
  },
  sets: ({ header }: Tools) => {
    header("x-frame-options", "SAMEORIGIN");
    return { said: "good" };
  },
  breaks: ({ header }: Tools) => {
    header("X-Said", "good\n");
    return { said: "good" };
  },
  prefers: ({ prefers }: Tools) => ({ said: `${prefers("accept-language", ["en", "zh-CN"])}` }),
  refuses: () => {
    throw refusal("packages/not-found", "Package not found");
  },
  fails: () => {
    throw new Error("a bug");
  },
  misses: () => {
    throw Object.assign(new Error("away"), { code: "ECONNREFUSED" });
  },
  says: () => ({ said: 7 as unknown as string }),
};

function asking(does: keyof typeof outcomes, given: Partial<Route> = {}): Route {
  return {
    ...route({
      method: "get",
      path: "/asking",
      summary: "What many ask",
      access: "packages:query",
      dialect: "coded",
      query: z.strictObject({ size: z.coerce.number().int().optional() }),
      returns: [200, z.strictObject({ said: z.string() })],
      handle: outcomes[does],
    }),
    ...given,
  };
}

/** The same as a POST, which says what it was sent. */
function telling(given: Partial<Route> = {}): Route {
  const told = route({
    method: "post",
    path: "/asking",
    summary: "What many tell",
    access: "packages:query",
    dialect: "status",
    body: z.strictObject({ word: z.string().max(20_000) }),
    returns: [200, z.strictObject({ said: z.string() })],
    handle: ({ body }) => ({ said: body.word }),
  });
  return { ...told, ...given };
}

/** All that can be seen of one request: every byte that came back, what was logged, what was counted. */
async function seen(asked: Route, given: Seen): Promise<unknown> {
  const { headers, actor = ADMIN, path = "/asking", body = "", env, isOver } = given;
  const limiter = openLimiter();
  const take: Limiter["take"] = async () => OVER;
  const services = { limiter: isOver ? { ...limiter, take } : limiter };
  const api = await startApi({ routes: { asked }, services, ...(env && { env }) });
  const sent = {
    Host: "longhaul",
    Connection: "close",
    "X-Request-ID": "same",
    ...(actor && { "X-API-Key": api.tokenOf(actor) }),
    ...headers,
  };
  const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${asked.method.toUpperCase()} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
  const answer = await sendBytes(api.address, head, body);
  await vi.waitFor(() => {
    expect(api.logged.at(-1)).toMatchObject({ msg: "request answered" });
  }, 20_000);
  const metrics = await api.services.metrics.metrics();
  return {
    answer: answer.replace(/^Date: .*$/m, "").replace(/"server_time":"[^"]*"/, ""),
    logged: api.logged.map(({ err, ...line }) => ({
      ...line,
      time: 0,
      durationMs: 0,
      error: (err as Error | undefined)?.message,
    })),
    counted: metrics.split("\n").filter((line) => /_count|in_flight|aborted/.test(line)),
  };
}

const OVER = { limit: 1, remaining: 0, resetSeconds: 7, allowed: false };

interface Seen {
  headers?: Record<string, string>;
  actor?: Actor | null;
  path?: string;
  body?: string | Buffer;
  env?: Record<string, string>;
  isOver?: true;
}

describe("a hot route cannot be told from another", () => {
  const cases: Record<string, [keyof typeof outcomes, Seen?]> = {
    "when it answers": ["answers"],
    "when it says how long its answer may be kept": ["tags"],
    "when the client has the answer already": ["tags", { headers: { "If-None-Match": '"tag"' } }],
    "when it sets a header that all answers have": ["sets"],
    "when it sets a header that cannot be sent": ["breaks"],
    "when it asks for a language": ["prefers", { headers: { "Accept-Language": "zh-CN" } }],
    "when it refuses": ["refuses"],
    "when it fails": ["fails"],
    "when something is away": ["misses"],
    "when it answers another shape": ["says"],
    "when the query is wrong": ["answers", { path: "/asking?size=big&more=1" }],
    "when the query is plain": ["answers", { path: "/asking?size=12" }],
    "when the query names what every object has": ["answers", { path: "/asking?__proto__=1" }],
    "when the query says nothing of it": ["answers", { path: "/asking?size=" }],
    "when the query says a thing twice": [
      "answers",
      { path: "/asking?size=1&size=2&size=3&__proto__=a%20b+c&%zz" },
    ],
    "when nobody is signed in": ["answers", { actor: null }],
    "when the key is no good": ["answers", { headers: { "X-API-Key": "lh_key_0_0" } }],
    "when the caller may not": ["answers", { actor: STRANGER }],
    "when there were too many": ["answers", { isOver: true }],
    "when pages of other origins ask": [
      "answers",
      { headers: { Origin: "https://a.example" }, env: { CORS_ORIGINS: "https://a.example" } },
    ],
    "when a proxy names the caller": [
      "answers",
      { headers: { "X-Forwarded-For": "203.0.113.7" }, env: { TRUST_PROXY: "1" } },
    ],
    "when the address is not all of it": ["answers", { path: "/asking/" }],
  };

  test.each(Object.entries(cases))("%s", async (_, [does, given = {}]) => {
    const ordinary = await seen(asking(does), given);
    const hot = await seen(asking(does, { hot: true }), given);

    expect(hot).toEqual(ordinary);
  });
});

describe("a hot POST cannot be told from another", () => {
  const json = (body: string | Buffer, more: Record<string, string> = {}): Seen => ({
    headers: { "Content-Type": "application/json", "Content-Length": `${body.length}`, ...more },
    body,
  });
  const good = '{"word":"good"}';
  const chunked = { "Content-Type": "application/json", "Transfer-Encoding": "chunked" };
  const cases: Record<string, Seen> = {
    "when it is told something": json(good),
    "when the type says how it is written": json(good, {
      "Content-Type": "Application/JSON;charset=UTF-8",
    }),
    "when the type is one of JSON's": json(good, { "Content-Type": "application/problem+json" }),
    "when the type is another": json(good, { "Content-Type": "text/plain" }),
    "when it is written in another way": json(good, {
      "Content-Type": "application/json; charset=utf-16",
    }),
    "when it is compressed": json(good, { "Content-Encoding": "gzip" }),
    "when it is no JSON": json('{"word":'),
    "when it is no text": json(Buffer.from([0x22, 0xff, 0x22])),
    "when it is another thing": json('{"word":7,"more":true}'),
    "when there is nothing": json(""),
    "when there is much": json(JSON.stringify({ word: "x".repeat(19_000) })),
    "when there is too much": json(JSON.stringify({ word: "x".repeat(100_000) })),
    "when it comes in chunks": { headers: chunked, body: 'f\r\n{"word":"good"}\r\n0\r\n\r\n' },
    "when it waits to be let in": json(good, { Expect: "100-continue" }),
    "when the caller may not": { ...json(good), actor: STRANGER },
    "when there were too many": { ...json(good), isOver: true },
  };

  test.each(Object.entries(cases))("%s", async (_, given) => {
    const ordinary = await seen(telling(), given);
    const hot = await seen(telling({ hot: true }), given);

    expect(hot).toEqual(ordinary);
  });

  test("what was refused before it was read does not stand before the next request", async () => {
    const api = await startApi({ routes: { told: telling({ hot: true }) } });
    const request = (key: string, connection: string) =>
      `POST /asking HTTP/1.1\r\nHost: longhaul\r\nX-API-Key: ${key}\r\nConnection: ${connection}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${good.length}\r\n\r\n${good}`;

    const answers = await sendBytes(
      api.address,
      request("nobody's", "keep-alive") + request(api.tokenOf(ADMIN), "close"),
    );

    expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 403", "HTTP/1.1 200"]);
    expect(answers).toContain('{"status":"success","said":"good"}');
  });
});

test.each<Partial<Route>>([{ path: "/asking/:id" }, { method: "put" }, { returns: "page" }])(
  "a route that the fast lane cannot answer is not started with: %o",
  async (given) => {
    const asked = asking("answers", { hot: true, ...given });

    await expect(startApi({ routes: { asked } })).rejects.toThrow(/asked cannot be hot/);
  },
);
