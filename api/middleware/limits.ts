import { isIPv6 } from "node:net";
import type { Env } from "../../platform/env.ts";
import type { Limiter } from "../../platform/limiter.ts";
import { refusal } from "../../domain/errors.ts";
import type { AsyncStep, Context } from "../context.ts";

/**
 * Counts requests per key or account, and per address when that is configured (draft-ietf-httpapi-ratelimit-headers),
 * and refuses those beyond.
 */
export function limitRequests(limiter: Limiter, { LIMIT_REQUESTS, LIMIT_ADDRESS }: Env): AsyncStep {
  const known = { name: "requests", ...LIMIT_REQUESTS };
  const unknown = LIMIT_ADDRESS && { name: "requests", ...LIMIT_ADDRESS };
  return (ctx) => {
    const rule = ctx.state.actor ? known : unknown;
    if (!rule || ctx.state.found.route?.unlimited) return undefined;
    const taken = limiter.take(rule, caller(ctx));
    if (!(taken instanceof Promise)) return tell(ctx, rule, taken);
    return taken.then(
      (budget) => tell(ctx, rule, budget),
      (error: unknown) => {
        // Better uncounted than unanswered: the limiter protects the API, it is no reason to stop it.
        ctx.state.log.warn({ err: error }, "requests are not being counted");
      },
    );
  };
}

type Rate = Env["LIMIT_REQUESTS"];
type Taken = Awaited<ReturnType<Limiter["take"]>>;

function tell(
  ctx: Context,
  { points, seconds }: Rate,
  { allowed, remaining, resetSeconds }: Taken,
): undefined {
  ctx.set("RateLimit-Policy", `"requests";q=${points};w=${seconds}`);
  ctx.set("RateLimit", `"requests";r=${remaining};t=${resetSeconds}`);
  if (allowed) return;
  throw refusal("request/too-many", `Try again in ${resetSeconds} seconds.`, {
    headers: { "Retry-After": `${Math.max(1, resetSeconds)}` },
  });
}

function caller({ state: { actor, address } }: Context): string {
  if (actor?.keyId) return `key:${actor.keyId}`;
  return actor ? `account:${actor.accountId}` : `address:${network(address)}`;
}

/** One IPv6 customer has at least a /64 of addresses: they share one budget. */
export function network(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("::");
  const groups = head.split(":").filter(Boolean);
  const rest = tail?.split(":").filter(Boolean) ?? [];
  const zeros = Array.from({ length: 8 - groups.length - rest.length }, () => "0");
  return [...groups, ...zeros, ...rest].slice(0, 4).join(":");
}
