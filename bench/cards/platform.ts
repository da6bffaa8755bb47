import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { createConnection } from "mysql2/promise";
import { type Database, openDatabase } from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";
import { type CardCodes, cardKeys, openCardCodes } from "../../platform/card-codes.ts";
import { redisAddress } from "../../test/support/services/redis.ts";
import { openBeside } from "../../test/support/leftovers.ts";
import { until } from "../../test/support/until.ts";
import { makeOwnDatabase } from "../mysql.ts";
import { unpin } from "../processes.ts";
import { makeKey, type Product, startProduct } from "../product.ts";

/** Where the product keeps its rows: all embedded, or on servers of their own (MariaDB, with Redis beside it). */
export const PROFILES = ["SQLite", "MariaDB"] as const;
export type Profile = (typeof PROFILES)[number];

/** What seals the codes, so that others can do the same with the same key. */
export const SECRET_KEY = "a key that is used by measurements and by nobody else";

/** The product with cards in it. */
export interface CardPlatform {
  profile: Profile;
  product: Product;
  /** Where its rows are, for looking into beside it. */
  place: { url: string } | { file: string };
  database: Database;
  codes: CardCodes;
  /** A key for everything about cards. */
  key: string;
  worker: number;
  remove(): Promise<void>;
}

/** A batch as the API shows it. */
interface Batch {
  id: string;
  status: "queued" | "generating" | "completed" | "failed";
  error: string | null;
}

/** Starts the product on one of its databases, with all cores. */
export async function startCardPlatform(
  profile: Profile,
  given: Record<string, string> = {},
): Promise<CardPlatform> {
  const own = profile === "MariaDB" ? await makeOwnDatabase() : undefined;
  const url = own?.url;
  const servers = url && { DATABASE_URL: url, REDIS_URL: await redisAddress() };
  const product = await startProduct({ SECRET_KEY, ...servers, ...given });
  const { platform, api } = product;
  await unpin(api);
  const database = url ? await openDatabase({ url, define: MODELS }) : await openBeside(platform);
  const scopes = ["read", "generate", "change", "export", "oversee", "administer"];
  return {
    profile,
    product,
    place: url ? { url } : { file: join(platform.folder, "db", "longhaul.sqlite") },
    database,
    codes: openCardCodes(cardKeys(SECRET_KEY, [])),
    key: await makeKey(product, ...scopes.map((scope) => `cards:${scope}`)),
    worker: (await platform.find("worker"))!.pid,
    async remove() {
      await database.close();
      await platform.remove();
      await own?.drop();
    },
  };
}

/** Asks the API as somebody who may do everything with cards. Throws when it refuses. */
export async function call(
  { product: { client }, key }: CardPlatform,
  method: "GET" | "POST",
  path: string,
  json?: object,
) {
  const answer = await client.call(method, path, {
    ...(json && { json }),
    headers: { "x-api-key": key },
  });
  if (answer.status < 300) return answer.body;
  throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}

/** Orders cards and waits until they are there: the batch, and the seconds that it took. */
export async function makeBatch(
  platform: CardPlatform,
  order: { prefix: string; count: number; product?: string; policy?: string; note?: string },
): Promise<{ id: string; seconds: number }> {
  const began = performance.now();
  const path = "/api/v1/cards/batches";
  const { id } = await call(platform, "POST", path, { ...order, confirm: true });
  await until(async () => {
    const { status, error } = (await call(platform, "GET", `${path}/${id}`)) as Batch;
    if (status === "failed") throw new Error(error!);
    return status === "completed";
  }, 600_000);
  return { id, seconds: (performance.now() - began) / 1000 };
}

/** The processes that serve what the API answers: itself, and the server of its database. */
export async function servingPids({ product: { api }, place }: CardPlatform): Promise<number[]> {
  return "url" in place ? [api, await mariadbPid(place.url)] : [api];
}

/** The process of a MariaDB server. */
export async function mariadbPid(url: string): Promise<number> {
  const connection = await createConnection(url);
  const [rows] = await connection.query("SELECT @@pid_file AS file");
  await connection.end();
  const [row] = rows as { file: string }[];
  return Number(await readFile(row!.file, "utf8"));
}

/** How long a workflow's history is, and how large. */
export async function historyOf(
  { product: { platform } }: CardPlatform,
  workflowId: string,
): Promise<{ events: number; bytes: number }> {
  const connection = await Connection.connect({ address: platform.temporalAddress });
  try {
    const client = new Client({ connection, namespace: "longhaul" });
    const { historyLength, historySize } = await client.workflow.getHandle(workflowId).describe();
    return { events: historyLength, bytes: historySize ?? 0 };
  } finally {
    await connection.close();
  }
}

/** The bytes of memory that a process has now. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}
