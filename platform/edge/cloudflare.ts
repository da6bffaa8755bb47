import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { EdgeSettings } from "../env.ts";
import { askEdge, inBatches } from "./asking.ts";
import { EdgeFailure, type Purging } from "./edge.ts";

/** The zone that is purged, and how to sign in to its API. */
export type CloudflareSettings = Extract<EdgeSettings, { kind: "cloudflare" }>;

const TIMEOUT_MS = 20_000;
/** What the API has taken at once under every plan; it counts addresses, not requests, so more would gain nothing. */
const BATCH = 30;
/** Whoever asks too often is shut out for five minutes. */
const MOST_WAIT_MS = 300_000;
/** "Could not route to this zone": its id is none. */
const NO_SUCH_ZONE = new Set([7000, 7003]);
/** "Invalid request headers": the token is not even one in its form. */
const BAD_HEADERS = 6003;

const Answer = z.object({
  success: z.boolean(),
  errors: z.array(z.object({ code: z.number(), message: z.string() })).nullish(),
});
type Fault = NonNullable<z.output<typeof Answer>["errors"]>[number];

/** Purges by URL: `POST /zones/{zone}/purge_cache` of Cloudflare's API v4, whose only yes is `"success": true`. */
export async function purgeCloudflare(
  settings: CloudflareSettings,
  urls: readonly string[],
  purging: Purging,
): Promise<void> {
  for (const files of inBatches(urls, BATCH)) await purgeFiles(settings, files, purging);
}

async function purgeFiles(
  settings: CloudflareSettings,
  files: string[],
  { signal, onWait }: Purging,
): Promise<void> {
  const { apiUrl, zoneId, token } = settings;
  for (let waitedMs = 0; ;) {
    const response = await askEdge(`${apiUrl}/zones/${zoneId}/purge_cache`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ files }),
      // The token is for this address and no other.
      redirect: "manual",
      signal,
      timeoutMs: TIMEOUT_MS,
    });
    const answer = Answer.safeParse(await readJson(response)).data;
    if (response.ok && answer?.success) return;
    const pauseMs = response.status === 429 ? pauseIn(response.headers) : undefined;
    if (pauseMs === undefined || waitedMs + pauseMs > MOST_WAIT_MS) {
      throw new EdgeFailure(reasonOf(response.status, answer?.errors ?? [], settings));
    }
    waitedMs += pauseMs;
    onWait?.(`Cloudflare takes nothing more for ${pauseMs / 1000} seconds`);
    await sleep(pauseMs, undefined, { signal });
  }
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

/** The milliseconds that `Retry-After` asks for, in seconds as this API does; undefined when it names none. */
function pauseIn(headers: Headers): number | undefined {
  const seconds = headers.get("retry-after") ?? "";
  return /^\d+$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}

function reasonOf(status: number, faults: Fault[], { zoneId }: CloudflareSettings): string {
  const said = faults.map(({ code, message }) => `${code} ${message}`).join("; ");
  const words = said ? `${status} (${said})` : `${status}`;
  if (status === 401 || status === 403 || faults.some(({ code }) => code === BAD_HEADERS)) {
    return `Cloudflare refuses CLOUDFLARE_API_TOKEN: ${words}. Give it the right Zone.Cache Purge on zone ${zoneId}.`;
  }
  if (status === 404 || faults.some(({ code }) => NO_SUCH_ZONE.has(code))) {
    return `Cloudflare knows no zone ${zoneId}: ${words}. Correct CLOUDFLARE_ZONE_ID.`;
  }
  return `Cloudflare did not purge: ${words}.`;
}
