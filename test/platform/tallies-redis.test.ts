import { randomUUID } from "node:crypto";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import { closeRedis, openRedis } from "../../platform/redis.ts";
import { openTallies } from "../../platform/tallies.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

const PATIENCE = { timeout: 20_000 };

/** Processes that count together, each over a connection of its own. */
async function openProcesses(leaseMs?: number) {
  const { url, prefix: common } = inject("redis")!;
  const prefix = `${common}${randomUUID()}:`;
  return async (address = url) => {
    const redis = await openRedis(address);
    const tallies = openTallies(redis, prefix, leaseMs);
    onTestFinished(async () => {
      tallies.close();
      await closeRedis(redis);
    });
    await vi.waitFor(() => expect(redis.status).toBe("ready"), PATIENCE);
    return { redis, tallies };
  };
}

test("an owner has so many at all processes together, whoever asks at the same time", async () => {
  const open = await openProcesses();
  const [{ tallies: one }, { tallies: other }] = [await open(), await open()];

  const crowd = Array.from({ length: 30 }, (_, index) => (index % 2 ? one : other).add("a", 10));
  const added = await Promise.all(crowd);
  const byOthers = await other.add("b", 10);
  const places = added.flatMap((was, index) => (was ? [index] : []));
  (places[0]! % 2 ? one : other).drop("a");

  expect(places).toHaveLength(10);
  expect(byOthers).toBe(true);
  // What is given back is somebody else's at once, whoever asks.
  await vi.waitFor(async () => expect(await other.add("a", 10)).toBe(true), PATIENCE);
  expect(await one.add("a", 10)).toBe(false);
});

test("what a process that died had counted is none after its lease, and who lives keeps theirs", async () => {
  const open = await openProcesses(400);
  const [{ tallies: dying }, { tallies: living }] = [await open(), await open()];
  await dying.add("a", 2);
  await living.add("a", 2);
  expect(await living.add("a", 2)).toBe(false);

  dying.close();

  await vi.waitFor(async () => expect(await living.add("a", 2)).toBe(true), PATIENCE);
  expect(await living.add("a", 2)).toBe(false);
});

test("while Redis is away nobody is refused for it; when it is back it is told what there is", async () => {
  const open = await openProcesses(400);
  const proxy = await startTcpProxy(inject("redis")!.url);
  onTestFinished(() => proxy.close());
  const { tallies, redis } = await open(proxy.url);
  const { tallies: other } = await open();
  await tallies.add("a", 2);

  proxy.cut();
  await vi.waitFor(() => expect(redis.status).not.toBe("ready"), PATIENCE);
  expect(await tallies.add("a", 2)).toBe(true);
  proxy.restore();

  await vi.waitFor(() => expect(redis.status).toBe("ready"), PATIENCE);
  const isRefused = async () => {
    const added = await other.add("a", 2);
    if (added) other.drop("a");
    return !added;
  };
  await vi.waitFor(async () => expect(await isRefused()).toBe(true), PATIENCE);
  tallies.drop("a");
  await vi.waitFor(async () => expect(await other.add("a", 2)).toBe(true), PATIENCE);
});
