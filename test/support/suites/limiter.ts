import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import type { Limiter } from "../../../platform/limiter.ts";

/** What every limiter promises. */
export function limiterSuite(open: () => Promise<Limiter>): void {
  let limiter: Limiter;
  beforeAll(async () => {
    limiter = await open();
  });
  const rule = { name: "sign-in", points: 3, seconds: 60 };

  test("allows as many points as the rule has, and says what is left", async () => {
    const key = randomUUID();

    const budgets = [];
    for (let turn = 0; turn < 4; turn++) budgets.push(await limiter.take(rule, key));

    expect(budgets.map(({ allowed }) => allowed)).toEqual([true, true, true, false]);
    expect(budgets.map(({ remaining }) => remaining)).toEqual([2, 1, 0, 0]);
    for (const { limit, resetSeconds } of budgets) {
      expect(limit).toBe(3);
      expect(resetSeconds).toBeGreaterThan(30);
      expect(resetSeconds).toBeLessThanOrEqual(60);
    }
  });

  test("takes several points at once", async () => {
    const key = randomUUID();

    expect(await limiter.take(rule, key, 2)).toMatchObject({ allowed: true, remaining: 1 });
    expect(await limiter.take(rule, key, 2)).toMatchObject({ allowed: false, remaining: 0 });
  });

  test("counts every caller exactly when many come at once", async () => {
    const key = randomUUID();

    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => limiter.take(rule, key)),
    );

    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(3);
  });

  test("looks without taking", async () => {
    const key = randomUUID();

    expect(await limiter.peek(rule, key)).toEqual({
      limit: 3,
      remaining: 3,
      resetSeconds: 60,
      allowed: true,
    });
    await limiter.take(rule, key, 3);

    expect(await limiter.peek(rule, key)).toMatchObject({ remaining: 0, allowed: false });
    expect(await limiter.peek(rule, key)).toMatchObject({ remaining: 0, allowed: false });
  });

  test("keeps keys and rules apart", async () => {
    const key = randomUUID();
    await limiter.take(rule, key, 3);

    expect(await limiter.peek(rule, randomUUID())).toMatchObject({ remaining: 3 });
    expect(await limiter.peek({ ...rule, name: "other" }, key)).toMatchObject({ remaining: 3 });
  });

  test("forgets a key", async () => {
    const key = randomUUID();
    await limiter.take(rule, key, 3);

    await limiter.reset(rule, key);
    await limiter.reset(rule, key);

    expect(await limiter.take(rule, key)).toMatchObject({ allowed: true, remaining: 2 });
  });

  test("starts anew when the window is over", async () => {
    const short = { name: "short", points: 1, seconds: 1 };
    const key = randomUUID();
    await limiter.take(short, key);
    expect(await limiter.take(short, key)).toMatchObject({ allowed: false });

    await sleep(1200);

    expect(await limiter.take(short, key)).toMatchObject({ allowed: true });
  });
}
