import { describe, expect, test } from "vitest";
import type { Actor } from "../../domain/accounts.ts";
import { ADMIN, NOBODY, startApi, STRANGER } from "../support/api.ts";
import { doing } from "../support/things.ts";
import { route } from "../../api/route.ts";

const once = doing(() => "done");
const always = route({ ...once, path: "/always", unlimited: true });
const routes = { once, always };
const env = { LIMIT_REQUESTS: "2/60", LIMIT_ADDRESS: "2/60" };

describe("requests", () => {
  test("are counted, and every answer says what is left", async () => {
    const api = await startApi({ routes, env });

    const { headers } = await api.call(NOBODY, "GET", "/doing");

    expect(headers.get("RateLimit-Policy")).toBe('"requests";q=2;w=60');
    expect(headers.get("RateLimit")).toMatch(/^"requests";r=1;t=\d+$/);
  });

  test("beyond the limit are refused with 429 and Retry-After", async () => {
    const api = await startApi({ routes, env });
    const ask = () => api.call(NOBODY, "GET", "/doing");

    const answers = [await ask(), await ask(), await ask()];

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers[2]!.body).toMatchObject({ code: "request/too-many" });
    expect(Number(answers[2]!.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(answers[2]!.headers.get("RateLimit")).toContain("r=0");
  });

  test("count for the account or key that asks, and not for its neighbours", async () => {
    const api = await startApi({ routes, env });
    const key: Actor = { ...ADMIN, keyId: "key-1" };
    const ask = async (actor: Actor | undefined) => (await api.call(actor, "GET", "/doing")).status;

    expect([await ask(ADMIN), await ask(ADMIN), await ask(ADMIN)]).toEqual([200, 200, 429]);
    expect([await ask(STRANGER), await ask(key), await ask(NOBODY)]).toEqual([200, 200, 200]);
  });

  test("to unknown paths and with bad credentials count for the address", async () => {
    const api = await startApi({ routes, env });
    const headers = { Authorization: "Bearer nonsense" };

    await api.call(NOBODY, "GET", "/nowhere");
    await api.call(NOBODY, "GET", "/doing", { headers });

    expect((await api.call(NOBODY, "GET", "/doing")).status).toBe(429);
  });

  test("of nobody are not counted unless the configuration says so", async () => {
    const api = await startApi({ routes, env: { LIMIT_REQUESTS: "1/60" } });
    const ask = () => api.call(NOBODY, "GET", "/doing");

    const answers = [await ask(), await ask()];

    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[1]!.headers.get("RateLimit")).toBeNull();
  });

  test("from one IPv6 network count together", async () => {
    const api = await startApi({ routes, env: { ...env, TRUST_PROXY: "1" } });
    const from = async (address: string) => {
      const headers = { "X-Forwarded-For": address };
      return (await api.call(NOBODY, "GET", "/doing", { headers })).status;
    };

    await from("2001:db8:1:2::1");
    await from("2001:db8:1:2:ffff::2");

    expect(await from("2001:db8:1:2:3:4:5:6")).toBe(429);
    expect(await from("2001:db8:1:3::1")).toBe(200);
  });

  test("to what must always answer are not counted", async () => {
    const api = await startApi({ routes, env });

    const answers = [];
    for (let asked = 0; asked < 4; asked++) answers.push(await api.call(NOBODY, "GET", "/always"));

    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(answers[0]!.headers.get("RateLimit")).toBeNull();
  });

  test("are answered when they cannot be counted, and the log says so", async () => {
    const away = () => Promise.reject(new Error("no limiter today"));
    const api = await startApi({
      routes,
      env,
      services: { limiter: { take: away, peek: away, reset: away } },
    });

    expect((await api.call(NOBODY, "GET", "/doing")).status).toBe(200);
    expect(JSON.stringify(api.logged)).toContain("no limiter today");
  });
});
