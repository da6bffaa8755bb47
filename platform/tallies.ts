import type { Redis } from "ioredis";
import { v7 as newId } from "uuid";

/** Counts what owners have among all processes that share a Redis: one number for each, however many there are. */
export interface Tallies {
  /** Counts one more, unless the owner has `most` already; answers whether it did. */
  add(owner: string, most: number): Promise<boolean>;
  /** Counts one less of those that were added here. */
  drop(owner: string): void;
  close(): void;
}

/** What a process has counted is good for so long after it has last said that it lives. */
const LEASE_MS = 20_000;
/** Of owners who never come back nothing is left after that. */
const FORGET_MS = 7 * 86_400_000;

/**
 * One more, if there may be. KEYS: the owner's numbers by process, this process' sign of life. ARGV: this process, how
 * many it would have then, how many there may be, the lease, when to forget, what signs of life begin with.
 */
const ADD = `
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[4])
  local numbers = redis.call('HGETALL', KEYS[1])
  local sum = tonumber(ARGV[2])
  for i = 1, #numbers, 2 do
    if numbers[i] ~= ARGV[1] then
      if redis.call('EXISTS', ARGV[6] .. numbers[i]) == 1 then sum = sum + tonumber(numbers[i + 1])
      else redis.call('HDEL', KEYS[1], numbers[i]) end
    end
  end
  if sum > tonumber(ARGV[3]) then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  return 1`;

/**
 * Opens tallies. What a process that died had counted is none within `leaseMs`. While Redis is away everybody may have one
 * more, as far as it goes here; when it is back it is told what there is.
 */
export function openTallies(redis: Redis, keyPrefix: string, leaseMs = LEASE_MS): Tallies {
  const self = newId();
  const counts = new Map<string, number>();
  const life = `${keyPrefix}alive:`;
  const numbersOf = (owner: string) => `${keyPrefix}of:${owner}`;
  const count = (owner: string, by: 1 | -1) => {
    const now = (counts.get(owner) ?? 0) + by;
    if (now > 0) counts.set(owner, now);
    else counts.delete(owner);
    return now;
  };
  /** Those of whom Redis has not heard the newest. */
  const untold = new Set<string>();
  const isThere = () => redis.status === "ready";
  const tell = async (owner: string): Promise<void> => {
    untold.add(owner);
    if (!isThere()) return;
    const now = counts.get(owner);
    const numbers = numbersOf(owner);
    await (now === undefined ? redis.hdel(numbers, self) : redis.hset(numbers, self, now));
    untold.delete(owner);
  };
  const renew = async (): Promise<void> => {
    if (!isThere()) return;
    const alive = redis
      .multi()
      .exists(life + self)
      .set(life + self, "1", "PX", leaseMs);
    const wasTakenForDead = (await alive.exec())?.[0]?.[1] === 0;
    await Promise.all([...(wasTakenForDead ? counts.keys() : []), ...untold].map(tell));
  };
  /** What Redis does not hear of now it is told later. */
  const later = () => undefined;
  const renewing = setInterval(() => void renew().catch(later), leaseMs / 4);

  return {
    async add(owner, most) {
      const now = count(owner, 1);
      const given = [self, now, most, leaseMs, FORGET_MS, life].map(String);
      const keys = [numbersOf(owner), life + self] as const;
      const added = isThere()
        ? await redis.eval(ADD, 2, ...keys, ...given).catch(later)
        : undefined;
      if (added === undefined) untold.add(owner);
      if (added === 0) count(owner, -1);
      return added !== 0;
    },
    drop(owner) {
      count(owner, -1);
      void tell(owner).catch(later);
    },
    close: () => clearInterval(renewing),
  };
}
