import { randomUUID } from "node:crypto";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { openPace, type PaceTerms } from "../../platform/pace.ts";
import { closeRedis, openRedis } from "../../platform/redis.ts";
import { paceSuite } from "../support/suites/pace.ts";

const makePrefix = () => `${inject("redis")!.prefix}${randomUUID()}:`;

/** The pace of a process of its own. */
async function openOver(prefix: string, terms: PaceTerms) {
  const redis = await openRedis(inject("redis")!.url);
  onTestFinished(() => closeRedis(redis));
  await vi.waitFor(() => expect(redis.status).toBe("ready"), 20_000);
  return { redis, pace: openPace(terms, redis, prefix)! };
}

describe("a pace over Redis", () => {
  paceSuite(async (terms) => (await openOver(makePrefix(), terms)).pace);

  test("is one for all processes; while Redis is away each has its own", async () => {
    const prefix = makePrefix();
    const terms = { mostBytes: 1000, mostBytesOfOwner: 0 };
    const [one, other] = [await openOver(prefix, terms), await openOver(prefix, terms)];
    await one.pace.take("one", 60_000);

    const together = await other.pace.take("two", 1);
    other.redis.disconnect();
    const alone = await other.pace.take("two", 1);

    expect(together).toBeGreaterThan(0);
    expect(together).toBeLessThanOrEqual(60_000);
    expect(alone).toBe(0);
  });
});
