import type { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";

/** Where a counted caller stands in its window. */
export interface Budget {
  limit: number;
  remaining: number;
  /** Seconds until the window starts anew. */
  resetSeconds: number;
}

type Standing = Budget & { allowed: boolean };

/** Counts per key in a window that begins with the first point. The same answers in one process and over Redis. */
export interface Limiter {
  /**
   * Takes `points` (default 1) from the key's budget; `allowed` is false when it is used up. There is a promise only
   * where somebody else has to be asked.
   */
  take(rule: LimitRule, key: string, points?: number): Standing | Promise<Standing>;
  /** Looks without taking: whether one more point would be allowed. */
  peek(rule: LimitRule, key: string): Standing | Promise<Standing>;
  /** Forgets the key. */
  reset(rule: LimitRule, key: string): Promise<void>;
}

/** At most `points` per `seconds`; `name` keeps rules apart. */
interface LimitRule {
  name: string;
  points: number;
  seconds: number;
}

/** Counts in this process, or in Redis for all of them; while Redis is away each process counts by itself. */
export function openLimiter(redis?: Redis, keyPrefix = "longhaul:"): Limiter {
  const counters = new Map<string, Counter>();
  const counterOf = (rule: LimitRule): Counter => {
    const name = `${rule.name}:${rule.points}:${rule.seconds}`;
    let counter = counters.get(name);
    if (!counter) {
      counter = redis ? countThere(rule, `${keyPrefix}limit:${name}`, redis) : countHere(rule);
      counters.set(name, counter);
    }
    return counter;
  };
  return {
    take: (rule, key, points = 1) => counterOf(rule).take(key, points),
    peek: (rule, key) => counterOf(rule).peek(key),
    async reset(rule, key) {
      await counterOf(rule).reset(key);
    },
  };
}

/** Counts the keys of one rule. */
interface Counter {
  take(key: string, points: number): Standing | Promise<Standing>;
  peek(key: string): Standing | Promise<Standing>;
  reset(key: string): unknown;
}

function countHere(rule: LimitRule): Counter {
  const windows = new Map<string, { taken: number; endsAt: number }>();
  // All last as long as each other: the one that began first ends first.
  const forgetEnded = (now: number) => {
    for (const [key, { endsAt }] of windows) {
      if (endsAt > now) return;
      windows.delete(key);
    }
  };
  return {
    take(key, points) {
      const now = Date.now();
      let window = windows.get(key);
      if (!window || window.endsAt <= now) {
        forgetEnded(now);
        window = { taken: 0, endsAt: now + rule.seconds * 1000 };
        windows.set(key, window);
      }
      window.taken += points;
      return standing(rule, window.taken, window.endsAt - now, window.taken <= rule.points);
    },
    peek(key) {
      const now = Date.now();
      const { taken, endsAt } = windows.get(key) ?? { taken: 0, endsAt: now };
      if (endsAt <= now) return standing(rule, 0, rule.seconds * 1000, rule.points > 0);
      return standing(rule, taken, endsAt - now, taken < rule.points);
    },
    reset: (key) => windows.delete(key),
  };
}

function countThere(rule: LimitRule, keyPrefix: string, redis: Redis): Counter {
  const { points, seconds } = rule;
  const counting = { keyPrefix, points, duration: seconds };
  const counter = new RateLimiterRedis({
    ...counting,
    storeClient: redis,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(counting),
  });
  const told = (counted: RateLimiterRes, allowed: boolean) =>
    standing(rule, counted.consumedPoints, counted.msBeforeNext, allowed);
  return {
    take: (key, taken) =>
      counter.consume(key, taken).then(
        (counted) => told(counted, true),
        (refused: unknown) => {
          if (!(refused instanceof RateLimiterRes)) throw refused;
          return told(refused, false);
        },
      ),
    async peek(key) {
      const counted = await counter.get(key);
      if (!counted) return standing(rule, 0, seconds * 1000, points > 0);
      return told(counted, counted.consumedPoints < points);
    },
    reset: (key) => counter.delete(key),
  };
}

function standing(
  { points: limit }: LimitRule,
  taken: number,
  leftMs: number,
  allowed: boolean,
): Standing {
  const remaining = Math.max(0, limit - taken);
  return { limit, remaining, resetSeconds: Math.ceil(leftMs / 1000), allowed };
}
