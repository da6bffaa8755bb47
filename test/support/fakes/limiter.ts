import type { Limiter } from "../../../platform/limiter.ts";

/** Counts for ever: windows do not end within a test. */
export function countingLimiter(): Limiter {
  const taken = new Map<string, number>();
  const keyOf = (name: string, key: string) => `${name} ${key}`;
  const budget = (points: number, seconds: number, used: number) => ({
    limit: points,
    remaining: Math.max(0, points - used),
    resetSeconds: seconds,
    allowed: used <= points,
  });
  return {
    take: async ({ name, points, seconds }, key, amount = 1) => {
      const used = (taken.get(keyOf(name, key)) ?? 0) + amount;
      taken.set(keyOf(name, key), used);
      return budget(points, seconds, used);
    },
    peek: async ({ name, points, seconds }, key) =>
      budget(points, seconds, (taken.get(keyOf(name, key)) ?? 0) + 1),
    reset: async ({ name }, key) => {
      taken.delete(keyOf(name, key));
    },
  };
}
