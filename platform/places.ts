import type { Redis } from "ioredis";

/** Somebody who holds a place. */
export interface Holder {
  id: string;
  /** Whose places these are: each owner has a limit too. */
  owner: string;
}

/** So many at a time, and so many of each owner: in this process, or among all that share a Redis. */
export interface Places<T extends Holder> {
  /** Takes a place until `leave`; answers which limit stands in the way when there is none. */
  take(holder: T): Promise<"taken" | "full" | "full-of-owner">;
  /** Gives the place back, at once. */
  leave(holder: T): Promise<void>;
  /** All who hold places, each as it told of itself within the last seconds. */
  list(): Promise<T[]>;
  close(): void;
}

/** How many there are. */
export interface PlacesTerms {
  most: number;
  mostOfOwner: number;
}

/** A place is held for so long after its process has last said that it lives. */
const LEASE_MS = 20_000;
const RENEW_MS = 5_000;

/**
 * Opens places. Over Redis those of a process that died are free within `LEASE_MS`; while Redis is away each process
 * counts by itself, and tells of what it holds when Redis is back.
 */
export function openPlaces<T extends Holder>(
  terms: PlacesTerms,
  redis?: Redis,
  keyPrefix = "longhaul:places:",
): Places<T> {
  const here = new Map<string, T>();
  const there = redis && shareByRedis<T>(redis, keyPrefix);
  const takeHere = (holder: T) => {
    const own = [...here.values()].filter(({ owner }) => owner === holder.owner);
    if (here.size >= terms.most) return "full";
    return own.length >= terms.mostOfOwner ? "full-of-owner" : "taken";
  };
  const renewing = setInterval(() => there?.renew([...here.values()]), RENEW_MS);
  return {
    async take(holder) {
      const taken = (await there?.take(holder, terms)) ?? takeHere(holder);
      if (taken === "taken") here.set(holder.id, holder);
      return taken;
    },
    async leave(holder) {
      here.delete(holder.id);
      await there?.leave(holder);
    },
    list: async () => (await there?.list()) ?? [...here.values()],
    close: () => clearInterval(renewing),
  };
}

/**
 * Takes a place, or says which limit is reached (1: all, 2: the owner's). KEYS: everybody, the owner's, what the holder
 * says. ARGV: its id, the lease in ms, both limits, what it says. The clock is Redis' own: processes need not agree.
 */
const TAKE = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  for i = 1, 2 do
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
    if redis.call('ZCARD', KEYS[i]) >= tonumber(ARGV[2 + i]) then return i end
  end
  for i = 1, 2 do
    redis.call('ZADD', KEYS[i], now + ARGV[2], ARGV[1])
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
  end
  redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[2])
  return 0`;

const ANSWERS = ["taken", "full", "full-of-owner"] as const;
/** Who goes on is not asked whether there is room. */
const BOUNDLESS = { most: 1e9, mostOfOwner: 1e9 };

function shareByRedis<T extends Holder>(redis: Redis, prefix: string) {
  const everybody = `${prefix}all`;
  const keysOf = ({ id, owner }: T) => [everybody, `${prefix}of:${owner}`, `${prefix}at:${id}`];
  const take = (holder: T, { most, mostOfOwner }: PlacesTerms) => {
    const terms = [LEASE_MS, most, mostOfOwner].map(String);
    const given = [holder.id, ...terms, JSON.stringify(holder)];
    return redis.eval(TAKE, 3, ...keysOf(holder), ...given) as Promise<0 | 1 | 2>;
  };
  /** Undefined while Redis is away. */
  const asked = async <A>(question: () => Promise<A>): Promise<A | undefined> =>
    redis.status === "ready" ? question().catch(() => undefined) : undefined;

  return {
    async take(holder: T, terms: PlacesTerms) {
      const answer = await asked(() => take(holder, terms));
      return answer === undefined ? undefined : ANSWERS[answer];
    },
    renew(holders: readonly T[]) {
      for (const holder of holders) void asked(() => take(holder, BOUNDLESS));
    },
    async leave(holder: T) {
      const [all, own, said] = keysOf(holder) as [string, string, string];
      const { id } = holder;
      // What Redis does not hear of runs out by itself.
      await asked(() => redis.multi().zrem(all, id).zrem(own, id).del(said).exec());
    },
    list: () =>
      asked(async () => {
        const ids = await redis.zrange(everybody, 0, "-1");
        if (ids.length === 0) return [];
        const said = await redis.mget(ids.map((id) => `${prefix}at:${id}`));
        return said.flatMap((one) => (one === null ? [] : [JSON.parse(one) as T]));
      }),
  };
}
