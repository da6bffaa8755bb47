import type { EdgeSettings } from "../env.ts";
import { askEdge } from "./asking.ts";
import { purgeCloudflare } from "./cloudflare.ts";
import type { Edge } from "./edge.ts";
import { purgeByHook } from "./hook.ts";

export { type Edge, EdgeFailure } from "./edge.ts";

const TIMEOUT_MS = 30_000;

/** The edge that the configuration names; without one nobody is told, and clients are asked for all the same. */
export function openEdge(settings: EdgeSettings | undefined): Edge {
  return {
    ask: (url, asking) => askEdge(url, { ...asking, timeoutMs: TIMEOUT_MS }),
    async purge(urls, purging) {
      switch (settings?.kind) {
        case undefined:
          return false;
        case "hook":
          await purgeByHook(settings.url, urls, purging);
          return true;
        case "cloudflare":
          await purgeCloudflare(settings, urls, purging);
          return true;
      }
    },
  };
}
