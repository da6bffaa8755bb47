import { askEdge, inBatches } from "./asking.ts";
import { EdgeFailure, type Purging } from "./edge.ts";

const TIMEOUT_MS = 10_000;
const BATCH = 30;

/** Tells a service of the operator's own, by POST `{"urls": [...]}`; every 2xx is a yes. */
export async function purgeByHook(
  hook: string,
  urls: readonly string[],
  { signal }: Purging,
): Promise<void> {
  for (const batch of inBatches(urls, BATCH)) {
    const response = await askEdge(hook, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ urls: batch }),
      signal,
      timeoutMs: TIMEOUT_MS,
    });
    await response.body?.cancel();
    if (!response.ok) throw new EdgeFailure(`The purge address answered ${response.status}.`);
  }
}
