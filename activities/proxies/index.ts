import { cancellationSignal } from "@temporalio/activity";
import { sourcesOf, type TrafficFault } from "../../domain/proxies.ts";
import {
  countPool,
  endLease,
  findLease,
  leaseFromPool,
  leasePlace,
  leaseRented,
  noteNoLease,
  noteSourceFailed,
  noteSourceWell,
  type ProxyLease,
  type ProxyPolicy,
  readPolicy,
} from "../../models/proxies/index.ts";
import type { ProxySource, ProxySourceFailed, RentedProxy } from "../../platform/proxy-source.ts";
import type { LeaseEnd, LeaseOrder, Route } from "./contract.ts";
import type { ProxyTools } from "./tools.ts";

/** When a proxy of the pool is asked for again. */
const POOL_PAUSE_MS = 15_000;

export type { LeaseEnd, LeaseOrder };

/** Everything here may run twice. Each comment says why that does no harm. */
export function createProxyActivities({ database, proxySource, seal }: ProxyTools) {
  return {
    /** Twice: an attempt that has its lease keeps it. What a provider gave in vain ends by its own time. */
    async leaseProxy(order: LeaseOrder): Promise<Route> {
      const before = await findLease(order.id);
      if (before) return routeOf(before);
      const policy = await readPolicy();
      const hasPool = (await countPool()) > 0;
      if (!proxySource && !hasPool) return { way: "direct" };
      let answer: Route = noneOf("No source of proxies that the policy names is there.");
      for (const source of sourcesOf(policy.terms)) {
        if (source === "dynamic_api" && proxySource) {
          const restMs = (policy.restsUntil?.getTime() ?? 0) - Date.now();
          if (restMs <= 0) return rent(order, policy, proxySource);
          answer = noneOf("The proxy API has failed too often and is left alone.", restMs);
        }
        if (source === "manual_pool" && hasPool) {
          const { manualSelectionStrategy } = policy.terms;
          const lease = await leaseFromPool(database, order, manualSelectionStrategy);
          if (lease) return { way: "proxy", leaseId: lease.id };
          answer = noneOf("Every proxy of the pool is in use or rests.", POOL_PAUSE_MS);
        }
      }
      return answer;
    },

    /** Twice: a lease that has ended changes nothing any more. */
    async returnProxy(end: LeaseEnd): Promise<void> {
      await endLease(database, end);
    },
  };

  /** An attempt whose provider fails is given up: whoever ordered it tries again later. */
  async function rent(
    order: LeaseOrder,
    { terms }: ProxyPolicy,
    source: ProxySource,
  ): Promise<Route> {
    const given = { timeoutMs: terms.dynamicTimeoutMs, signal: cancellationSignal() };
    const rented = await source.rent(given).catch((error: unknown) => failureIn(error));
    const refused = "fault" in rented ? rented : lifeFault(rented, terms.minLeaseTtlSeconds);
    if (refused) {
      cancellationSignal().throwIfAborted();
      await noteSourceFailed(database, refused.reason);
      await noteNoLease(database, order, { source: "dynamic_api", ...refused });
      return { way: "none", ...refused };
    }
    const { protocol, host, port, username, password } = rented as RentedProxy;
    const sealed = password && seal(password, leasePlace(order.id));
    await leaseRented(database, order, { protocol, host, port, username, password: sealed });
    await noteSourceWell(database);
    return { way: "proxy", leaseId: order.id };
  }
}

function routeOf({ id: leaseId, state, fault, reason }: ProxyLease): Route {
  if (state === "bound") return { way: "proxy", leaseId };
  return { way: "none", fault: fault ?? "unknown", reason: reason ?? "The lease has ended." };
}

interface Refused {
  fault: TrafficFault;
  reason: string;
}

/** What a provider did wrong; everything else is a bug, and thrown. */
function failureIn(error: unknown): Refused {
  if (!(error instanceof Error) || error.name !== "ProxySourceFailed") throw error;
  const { fault, message: reason } = error as ProxySourceFailed;
  return { fault, reason };
}

/** A proxy that ends before the work is of no use. */
function lifeFault({ expiresAt }: RentedProxy, seconds: number): Refused | undefined {
  if (!expiresAt || expiresAt.getTime() - Date.now() >= seconds * 1000) return undefined;
  return { fault: "unknown", reason: "The proxy API gave a proxy that ends too soon." };
}

function noneOf(reason: string, retryAfterMs?: number): Route {
  return { way: "none", fault: null, reason, ...(retryAfterMs && { retryAfterMs }) };
}

export type ProxyActivities = ReturnType<typeof createProxyActivities>;
