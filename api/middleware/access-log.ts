import type { Logger } from "pino";
import type { Context } from "../context.ts";

/** Writes one line per request, when its answer has gone or the client has. No query: tickets and signatures stand there. */
export function logAccess(log: Logger): (ctx: Context, tookMs: number) => void {
  // Every field is named here and none is a secret: there is nothing to look for and blank out in each line.
  const lines = log.child({}, { redact: [] });
  return (ctx, tookMs) => {
    const { requestId, address, found, actor } = ctx.state;
    lines.info(
      {
        requestId,
        method: ctx.method,
        path: loggedPath(ctx),
        operation: found.operationId,
        status: ctx.res.statusCode,
        durationMs: Math.round(tookMs),
        address,
        accountId: actor?.accountId,
        keyId: actor?.keyId,
        aborted: !ctx.res.writableFinished || undefined,
      },
      "request answered",
    );
  };
}

/** A path by which anybody gets a secret is one itself: the shape of it is logged. */
function loggedPath({ path, state: { found } }: Context): string {
  const { route } = found;
  return route?.secret && route.access === "public" ? route.path : path;
}
