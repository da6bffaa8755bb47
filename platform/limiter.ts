import type { Redis } from "ioredis";
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from "rate-limiter-flexible";

/** Where a counted caller stands in its window. */
export interface Budget {
  limit: number;
  remaining: number;
  /** Seconds until the window starts anew. */
  resetSeconds: number;
}

/** Counts per key in a window that begins with the first point. The same answers in one process and over Redis. */
export interface Limiter {
  /** Takes `points` (default 1) from the key's budget; `allowed` is false when it is used up. */
  take(rule: LimitRule, key: string, points?: number): Promise<Budget & { allowed: boolean }>;
  /** Looks without taking: whether one more point would be allowed. */
  peek(rule: LimitRule, key: string): Promise<Budget & { allowed: boolean }>;
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
  const counters = new Map<string, RateLimiterAbstract>();
  const counterOf = (rule: LimitRule): RateLimiterAbstract => {
    const name = `${rule.name}:${rule.points}:${rule.seconds}`;
    const counter = counters.get(name) ?? makeCounter(rule, `${keyPrefix}limit:${name}`, redis);
    counters.set(name, counter);
    return counter;
  };

  return {
    take(rule, key, points = 1) {
      return counterOf(rule)
        .consume(key, points)
        .then(
          (counted) => ({ ...standing(rule, counted), allowed: true }),
          (refused: unknown) => {
            if (!(refused instanceof RateLimiterRes)) throw refused;
            return { ...standing(rule, refused), allowed: false };
          },
        );
    },
    async peek(rule, key) {
      const budget = standing(rule, await counterOf(rule).get(key));
      return { ...budget, allowed: budget.remaining > 0 };
    },
    async reset(rule, key) {
      await counterOf(rule).delete(key);
    },
  };
}

function makeCounter(
  { points, seconds }: LimitRule,
  keyPrefix: string,
  redis?: Redis,
): RateLimiterAbstract {
  const rule = { keyPrefix, points, duration: seconds };
  const memory = new RateLimiterMemory(rule);
  if (!redis) return memory;
  return new RateLimiterRedis({
    ...rule,
    storeClient: redis,
    rejectIfRedisNotReady: true,
    insuranceLimiter: memory,
  });
}

function standing({ points, seconds }: LimitRule, counted: RateLimiterRes | null): Budget {
  return {
    limit: points,
    remaining: counted ? Math.max(0, points - counted.consumedPoints) : points,
    resetSeconds: counted ? Math.ceil(counted.msBeforeNext / 1000) : seconds,
  };
}
