import type { Redis } from "ioredis";

/** Bytes per second in all, and to each owner; 0 is as fast as it goes. */
export interface PaceTerms {
  mostBytes: number;
  mostBytesOfOwner: number;
}

/** Says when bytes may go, so that they go no faster than they may: in this process, or in all that share a Redis. */
export interface Pace {
  /** The most that should be asked for at once: small beside what goes in a second, so that many take turns. */
  stepBytes: number;
  /** Answers in how many milliseconds these bytes may go. They are counted as gone. */
  take(owner: string, bytes: number): Promise<number>;
}

const SMALLEST_STEP_BYTES = 16 * 1024;
const LARGEST_STEP_BYTES = 512 * 1024;
const STEPS_PER_SECOND = 8;
const SECOND_MICROSECONDS = 1e6;

/**
 * Opens a pace; undefined where nothing is to be slowed down. What is asked for queues up behind what was asked for
 * before: the clock of a limit says when the last of it will have gone. While Redis is away each process keeps its own.
 */
export function openPace(terms: PaceTerms, redis?: Redis, prefix = "pace:"): Pace | undefined {
  const { mostBytes, mostBytesOfOwner } = terms;
  const slowest = Math.min(...[mostBytes, mostBytesOfOwner].filter((rate) => rate > 0));
  if (slowest === Infinity) return undefined;
  const here = paceHere(terms);
  return {
    stepBytes: Math.min(
      LARGEST_STEP_BYTES,
      Math.max(SMALLEST_STEP_BYTES, Math.floor(slowest / STEPS_PER_SECOND)),
    ),
    async take(owner, bytes) {
      if (redis?.status !== "ready") return here(owner, bytes);
      const keys = [`${prefix}all`, `${prefix}of:${owner}`];
      const given = [bytes, mostBytes, mostBytesOfOwner].map(String);
      const wait = await redis.eval(TAKE, 2, ...keys, ...given).catch(() => undefined);
      return wait === undefined ? here(owner, bytes) : Number(wait);
    },
  };
}

/** The same as below, in memory. */
function paceHere({ mostBytes, mostBytesOfOwner }: PaceTerms) {
  const dues = new Map<string, number>();
  return (owner: string, bytes: number): number => {
    const now = performance.now() * 1000;
    for (const [name, due] of dues) if (due <= now) dues.delete(name);
    const limits = [
      ["all", mostBytes],
      [`of:${owner}`, mostBytesOfOwner],
    ] as const;
    let wait = 0;
    for (const [name, rate] of limits.filter(([, rate]) => rate > 0)) {
      const due = dues.get(name) ?? now;
      wait = Math.max(wait, due - now);
      dues.set(name, due + (bytes * SECOND_MICROSECONDS) / rate);
    }
    return wait / 1000;
  };
}

/** KEYS: the clocks of both limits, in microseconds of Redis' own time. ARGV: the bytes, both rates. */
const TAKE = `
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local wait = 0
  for i = 1, 2 do
    local rate = tonumber(ARGV[1 + i])
    if rate > 0 then
      local due = math.max(tonumber(redis.call('GET', KEYS[i]) or '0'), now)
      wait = math.max(wait, due - now)
      local after = due + ARGV[1] * 1000000 / rate
      local lasts = math.ceil((after - now) / 1000) + 1000
      redis.call('SET', KEYS[i], string.format('%.0f', after), 'PX', lasts)
    end
  end
  return math.ceil(wait / 1000)`;
