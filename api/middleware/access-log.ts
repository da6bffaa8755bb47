import type { Middleware } from "../context.ts";

/** One line per request, when its answer has gone or the client has. No query: tickets and signatures stand there. */
export function logAccess(): Middleware {
  return async (ctx, next) => {
    const startedAt = performance.now();
    ctx.res.once("close", () => {
      const { log, address, found, actor, signal } = ctx.state;
      log.info(
        {
          method: ctx.method,
          path: ctx.path,
          operation: found?.operationId,
          status: ctx.res.statusCode,
          durationMs: Math.round(performance.now() - startedAt),
          address,
          accountId: actor?.accountId,
          keyId: actor?.keyId,
          aborted: signal.aborted || undefined,
        },
        "request answered",
      );
    });
    await next();
  };
}
