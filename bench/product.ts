import { makePlatform, type Platform } from "../test/support/platform.ts";
import type { PackageClient } from "../test/support/package-client.ts";
import { until } from "../test/support/until.ts";
import { isFinal } from "../domain/packages.ts";
import { cpuSeconds, pinServing } from "./processes.ts";

/** The product as `npm start` runs it, its API on the core of those who serve. */
export interface Product {
  platform: Platform;
  client: PackageClient;
  /** The process of the API. */
  api: number;
  key: string;
}

/** Starts the product in a folder of its own, as operators do: production code, no request limit in the way. */
export async function startProduct(given: Record<string, string> = {}): Promise<Product> {
  const platform = await makePlatform({
    LOG_LEVEL: "info",
    BACKGROUND_NICENESS: "",
    ...given,
  });
  try {
    await platform.start();
    const client = await platform.open();
    const api = (await platform.find("api"))!.pid;
    await pinServing(api);
    return { platform, client, api, key: client.secrets[0]! };
  } catch (error) {
    await platform.remove();
    throw error;
  }
}

/** A key that may do no more than this. */
export async function makeKey({ client }: Product, ...scopes: string[]): Promise<string> {
  const [, accessToken] = client.secrets;
  const { body } = await client.call("POST", "/api/v1/api-keys", {
    json: { name: "bench", scopes },
    headers: { authorization: `Bearer ${accessToken}` },
  });
  return body.key as string;
}

/** Waits until nothing of the product works any more. */
export async function untilQuiet({ platform }: Product): Promise<void> {
  const pids = (await platform.processes()).map(({ pid }) => pid);
  await until(async () => {
    const before = await cpuSeconds(...pids);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return (await cpuSeconds(...pids)) - before < 0.2;
  }, 60_000);
}

/** Waits until every run of the package has ended. */
export async function untilEnded({ client }: Product, id: string): Promise<void> {
  await until(async () => {
    const { body } = await client.call("GET", `/api/v1/packages/${id}/runs?limit=100`);
    return body.items.every(({ status }: { status: "succeeded" }) => isFinal(status));
  }, 600_000);
}
