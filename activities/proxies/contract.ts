import type { LeaseEnd, LeaseOrder } from "../../models/proxies/index.ts";
import type { TrafficFault } from "../../domain/proxies.ts";

export type { LeaseEnd, LeaseOrder };

/**
 * How an attempt goes out: straight, where there is neither a provider nor a pool; through the proxy of a lease, which
 * has the order's id; or not at all. Then `fault` says what failed, or is null when nothing did and every proxy is in use
 * or rests: that is no failed attempt, only one to be made later.
 */
export type Route =
  | { way: "direct" }
  | { way: "proxy"; leaseId: string }
  | { way: "none"; fault: TrafficFault | null; reason: string; retryAfterMs?: number };
