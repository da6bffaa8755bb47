import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { afterAll, describe, expect, inject, test, vi } from "vitest";
import { openLimiter } from "../../platform/limiter.ts";
import { closeRedis, openRedis } from "../../platform/redis.ts";
import { limiterSuite } from "../support/suites/limiter.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

describe("the limiter over Redis", () => {
  const opened: Redis[] = [];
  const connect = async (url: string) => {
    const redis = await openRedis(url);
    opened.push(redis);
    await vi.waitFor(() => expect(redis.status).toBe("ready"), 20_000);
    return redis;
  };
  const server = () => {
    const redis = inject("redis");
    if (!redis) throw new Error("this test needs a Redis server");
    return { url: redis.url, prefix: `${redis.prefix}${randomUUID()}:` };
  };
  const rule = { name: "sign-in", points: 3, seconds: 60 };

  afterAll(() => Promise.all(opened.map(closeRedis)));

  limiterSuite(async () => {
    const { url, prefix } = server();
    return openLimiter(await connect(url), prefix);
  });

  test("counts for all processes together", async () => {
    const { url, prefix } = server();
    const one = openLimiter(await connect(url), prefix);
    const other = openLimiter(await connect(url), prefix);

    await one.take(rule, "key", 2);

    expect(await other.take(rule, "key")).toMatchObject({ allowed: true, remaining: 0 });
    expect(await one.take(rule, "key")).toMatchObject({ allowed: false });
  });

  test("goes on counting in the process while Redis is away, and together when it is back", async () => {
    const { url, prefix } = server();
    const proxy = await startTcpProxy(url);
    const redis = await connect(proxy.url);
    const limiter = openLimiter(redis, prefix);
    await limiter.take(rule, "key");

    proxy.cut();
    await vi.waitFor(() => expect(redis.status).not.toBe("ready"), 20_000);
    const away = [];
    for (let turn = 0; turn < 4; turn++) away.push((await limiter.take(rule, "key")).allowed);
    proxy.restore();
    await vi.waitFor(() => expect(redis.status).toBe("ready"), { timeout: 15_000 });

    expect(away).toEqual([true, true, true, false]);
    expect(await limiter.take(rule, "key")).toMatchObject({ allowed: true, remaining: 1 });
    await proxy.close();
  });
});
