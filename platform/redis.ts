import type { Redis, RedisOptions } from "ioredis";

const LONGEST_PAUSE_MS = 2000;

/**
 * A connection that comes back by itself, for as long as it takes. A command fails after its first retry, or after
 * five seconds, rather than wait for a server that is away; `redis.status` and `ping()` tell how it stands.
 */
export async function openRedis(
  url: string,
  options: Pick<RedisOptions, "autoResubscribe"> = {},
): Promise<Redis> {
  // Loaded only where there is a Redis: it is a tenth of a second of every start.
  const { Redis } = await import("ioredis");
  const redis = new Redis(url, {
    connectTimeout: 5000,
    commandTimeout: 5000,
    maxRetriesPerRequest: 1,
    retryStrategy: (tries) => Math.min(tries * 100, LONGEST_PAUSE_MS),
    ...options,
  });
  // Without a listener ioredis prints every failed try, address and all.
  redis.on("error", () => undefined);
  return redis;
}

/** Says goodbye when the server is there, and leaves in any case. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === "ready") await redis.quit().catch(() => undefined);
  redis.disconnect();
}
