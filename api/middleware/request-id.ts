import { isIP } from "node:net";
import type { Logger } from "pino";
import { v7 as newId } from "uuid";
import type { Context, Middleware } from "../context.ts";

const SANE_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Gives each request its id (the client's `X-Request-ID` when it is a sane one), its logger, address and signal. */
export function identifyRequest(log: Logger, trustedProxies: number): Middleware {
  return async (ctx, next) => {
    const given = ctx.get("X-Request-ID");
    ctx.state.requestId = SANE_ID.test(given) ? given : newId();
    ctx.state.log = log.child({ requestId: ctx.state.requestId });
    ctx.state.address = callerAddress(ctx, trustedProxies);
    ctx.state.signal = goneSignal(ctx);
    ctx.request.ip = ctx.state.address;
    ctx.set("X-Request-ID", ctx.state.requestId);
    await next();
  };
}

/**
 * Each trusted proxy appends the address it was called from to X-Forwarded-For, so with `trustedProxies` of them
 * the caller stands that far from the right; what is further left is the caller's own claim.
 */
function callerAddress(ctx: Context, trustedProxies: number): string {
  const hops = trustedProxies > 0 ? ctx.get("X-Forwarded-For").split(",") : [];
  const named = hops.slice(-trustedProxies)[0]?.trim() ?? "";
  const address = isIP(named) ? named : (ctx.req.socket.remoteAddress ?? "");
  return address.replace(/^::ffff:(?=\d+\.)/, "");
}

function goneSignal(ctx: Context): AbortSignal {
  const gone = new AbortController();
  ctx.res.once("close", () => {
    if (!ctx.res.writableFinished) gone.abort();
  });
  return gone.signal;
}
