import { randomUUID } from "node:crypto";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { openPlaces, type PlacesTerms } from "../../platform/places.ts";
import { closeRedis, openRedis } from "../../platform/redis.ts";
import { holderOf, placesSuite, type Told } from "../support/suites/places.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

/** Places of a process of its own over this Redis. */
async function openOver(url: string, prefix: string, terms: PlacesTerms) {
  const redis = await openRedis(url);
  const places = openPlaces<Told>(terms, redis, prefix);
  onTestFinished(async () => {
    places.close();
    await closeRedis(redis);
  });
  await vi.waitFor(() => expect(redis.status).toBe("ready"), 20_000);
  return { places, redis };
}
const server = () => {
  const { url, prefix } = inject("redis")!;
  return { url, prefix: `${prefix}${randomUUID()}:` };
};

describe("places over Redis", () => {
  placesSuite(async (terms) => {
    const { url, prefix } = server();
    return (await openOver(url, prefix, terms)).places;
  });

  test("are counted for all processes together, and seen by each", async () => {
    const { url, prefix } = server();
    const terms = { most: 50, mostOfOwner: 50 };
    const one = (await openOver(url, prefix, terms)).places;
    const other = (await openOver(url, prefix, terms)).places;
    const crowd = Array.from({ length: 60 }, () => holderOf("one"));

    const answers = await Promise.all(
      crowd.map((holder, index) => (index % 2 ? one : other).take(holder)),
    );

    expect(answers.filter((answer) => answer === "taken")).toHaveLength(50);
    expect(await one.list()).toHaveLength(50);
    expect((await one.list()).map(({ id }) => id).toSorted()).toEqual(
      (await other.list()).map(({ id }) => id).toSorted(),
    );
  });

  test("are kept for as long as their process says so, tell how far it is, and are free soon after", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const { url, prefix } = server();
    const terms = { most: 1, mostOfOwner: 1 };
    const { places: living, redis } = await openOver(url, prefix, terms);
    const holder = holderOf("one");
    await living.take(holder);
    const lasts = () => redis.pttl(`${prefix}all`);
    const before = await lasts();
    await redis.pexpire(`${prefix}all`, 1000);

    holder.sentBytes = 7;
    vi.advanceTimersByTime(5_000);

    await vi.waitFor(async () => expect(await lasts()).toBeGreaterThan(1000));
    expect(await living.list()).toEqual([{ ...holder, sentBytes: 7 }]);
    // What a dead process held goes with this.
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThanOrEqual(20_000);
  });

  test("are counted by each process while Redis is away, and told to it when it is back", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const { url, prefix } = server();
    const proxy = await startTcpProxy(url);
    onTestFinished(() => proxy.close());
    const terms = { most: 1, mostOfOwner: 1 };
    const { places, redis } = await openOver(proxy.url, prefix, terms);
    const { places: other } = await openOver(url, prefix, terms);

    proxy.cut();
    await vi.waitFor(() => expect(redis.status).not.toBe("ready"), 20_000);
    const answers = [await places.take(holderOf("one")), await places.take(holderOf("one"))];
    proxy.restore();
    await vi.waitFor(() => expect(redis.status).toBe("ready"), { timeout: 15_000 });
    vi.advanceTimersByTime(5_000);

    expect(answers).toEqual(["taken", "full"]);
    await vi.waitFor(async () => expect(await other.list()).toHaveLength(1));
    expect(await other.take(holderOf("two"))).toBe("full");
  });
});
