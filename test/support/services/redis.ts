import { Redis } from "ioredis";
import type { TestProject } from "vitest/node";
import { type Needed, provideProgram } from "./programs.ts";
import { runName } from "./runs.ts";
import { freePort, serverAddress, serverFolder, startServer } from "./servers.ts";

export const REDIS: Needed = {
  names: ["redis-server", "valkey-server"],
  debian: "redis-server",
  instead: "TEST_REDIS_URL (redis://host:port)",
};

/** vitest global set-up: a key prefix of this run's own; its keys are deleted at its end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const url = await redisAddress();
  const prefix = `${runName("-")}:`;
  project.provide("redis", { url, prefix });
  return () =>
    withRedis(url, async (redis) => {
      for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
        if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]));
      }
    });
}

/** The address of a Redis server. */
export function redisAddress(): Promise<string> {
  return serverAddress("TEST_REDIS_URL", startRedis);
}

async function startRedis(): Promise<string> {
  const command = await provideProgram(REDIS);
  const folder = await serverFolder("redis");
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  await startServer({
    name: "redis",
    command,
    folder,
    args: ["--bind", "127.0.0.1", "--port", `${port}`, "--save", "", "--dir", `${folder}/data`],
    probe: () => withRedis(url, (redis) => redis.ping()),
  });
  return url;
}

async function withRedis<T>(url: string, body: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: null });
  // Without a listener it prints what `connect` throws as well.
  redis.on("error", () => {});
  try {
    await redis.connect();
    return await body(redis);
  } finally {
    redis.disconnect();
  }
}
