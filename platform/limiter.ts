/** Where a counted caller stands in its window. */
export interface Budget {
  limit: number;
  remaining: number;
  /** Seconds until the window starts anew. */
  resetSeconds: number;
}

/** Counts per key in a window. The same answers in one process and over Redis. */
export interface Limiter {
  /** Takes `points` (default 1) from the key's budget; `allowed` is false when it is used up. */
  take(rule: LimitRule, key: string, points?: number): Promise<Budget & { allowed: boolean }>;
  /** Looks without taking. */
  peek(rule: LimitRule, key: string): Promise<Budget & { allowed: boolean }>;
  /** Forgets the key. */
  reset(rule: LimitRule, key: string): Promise<void>;
}

/** At most `points` per `seconds`; `name` keeps rules apart. */
export interface LimitRule {
  name: string;
  points: number;
  seconds: number;
}
