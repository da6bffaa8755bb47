import { randomUUID } from "node:crypto";
import { describe, expect, inject, test, vi } from "vitest";
import { openRedisBus } from "../../platform/bus.ts";
import { closeRedis, openRedis } from "../../platform/redis.ts";
import { anyEvent, busSuite, listen } from "../support/suites/bus.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

describe("the bus over Redis", () => {
  const server = () => {
    const redis = inject("redis");
    if (!redis) throw new Error("this test needs a Redis server");
    return { url: redis.url, prefix: `${redis.prefix}${randomUUID()}:` };
  };

  busSuite(async () => {
    const { url, prefix } = server();
    return [await openRedisBus(url, prefix), await openRedisBus(url, prefix)];
  });

  test("keeps platforms with other prefixes apart", async () => {
    const { url, prefix } = server();
    const [here, same, other] = await Promise.all(
      [prefix, prefix, `${prefix}other:`].map((each) => openRedisBus(url, each)),
    );
    const heard = listen({ same: same!, other: other! });

    await here!.announce(anyEvent());

    await vi.waitFor(() => expect(heard).toHaveLength(1), 20_000);
    expect(heard[0]![0]).toBe("same");
    await Promise.all([here, same, other].map((bus) => bus!.close()));
  });

  test("goes on in the process while Redis is away, and with others when it is back", async () => {
    const { url, prefix } = server();
    const proxy = await startTcpProxy(url);
    const [here, there] = [
      await openRedisBus(proxy.url, prefix),
      await openRedisBus(proxy.url, prefix),
    ];
    const heard = listen({ here, there });
    const [during, after] = [anyEvent(), anyEvent()];

    proxy.cut();
    await here.announce(during);
    expect(heard).toEqual([["here", during]]);
    proxy.restore();

    await vi.waitFor(
      async () => {
        await here.announce(after);
        expect(heard).toContainEqual(["there", after]);
      },
      { timeout: 15_000, interval: 200 },
    );
    await Promise.all([here.close(), there.close()]);
    await proxy.close();
  });

  test("opens while Redis is away, and hears once it is there", async () => {
    const { url, prefix } = server();
    const proxy = await startTcpProxy(url);
    proxy.cut();

    const bus = await openRedisBus(proxy.url, prefix);
    const heard = listen({ bus });
    proxy.restore();

    const other = await openRedisBus(url, prefix);
    await vi.waitFor(
      async () => {
        await other.announce(anyEvent());
        expect(heard.length).toBeGreaterThan(0);
      },
      { timeout: 15_000, interval: 200 },
    );
    await Promise.all([bus.close(), other.close()]);
    await proxy.close();
  });

  test("passes over what others put into its channel", async () => {
    const { url, prefix } = server();
    const bus = await openRedisBus(url, prefix);
    const heard = listen({ bus });
    const stranger = await openRedis(url);

    for (const message of ["not JSON", "null", '{"type":"other"}']) {
      await stranger.publish(`${prefix}events`, message);
    }
    const other = await openRedisBus(url, prefix);
    await other.announce(anyEvent());

    await vi.waitFor(() => expect(heard).toHaveLength(1), 20_000);
    await Promise.all([bus.close(), other.close(), closeRedis(stranger)]);
  });
});
