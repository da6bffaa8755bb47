import type { IncomingMessage } from "node:http";
import type { Context, Middleware } from "../context.ts";

/** How much a client may go on sending after it was answered, for how long, and how long it may be silent. */
const LINGER = { bytes: 64 * 1024 * 1024, ms: 10_000, silentMs: 1000 };

/** A rest this small is read to its end, and the connection kept. */
const SMALL_BYTES = 64 * 1024;

/** True when what the client has to send is small, or nothing, and it does not wait with it. */
export function isSmall({ headers }: IncomingMessage): boolean {
  if (headers["transfer-encoding"] !== undefined || headers.expect !== undefined) return false;
  return Number(headers["content-length"] ?? 0) <= SMALL_BYTES;
}

/** True when the request says that it has a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Tells a client that waits with its body (`Expect: 100-continue`) to send it. Call before reading. */
export function letBodyCome({ req, res }: Context): void {
  if (req.headers.expect?.toLowerCase() === "100-continue") res.writeContinue();
}

/**
 * Answers a client that is still sending so that it hears the answer. Closing at once would reset the connection,
 * and a reset can destroy an answer that was not read yet; reading 20 GiB to its end to say no is no way either.
 * So: answer, say `Connection: close`, go on reading for a while, close.
 */
export function answerBeforeBodyEnds(): Middleware {
  return async (ctx, next) => {
    await next();
    const { req, res } = ctx;
    if (!hasBody(req) || ctx.respond === false || res.destroyed) return;
    if (req.complete || isSmall(req)) {
      req.resume();
      return;
    }
    ctx.respond = false;
    ctx.set("Connection", "close");
    if (typeof ctx.body === "string") res.write(ctx.body);
    else res.flushHeaders();
    await linger(req);
    res.end();
  };
}

function linger(req: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const end = () => {
      clearTimeout(deadline);
      clearTimeout(silence);
      req.off("data", take).pause();
      resolve();
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      silence.refresh();
      if (bytes > LINGER.bytes) end();
    };
    const deadline = setTimeout(end, LINGER.ms);
    const silence = setTimeout(end, LINGER.silentMs);
    for (const event of ["end", "close", "error"]) req.once(event, end);
    req.on("data", take).resume();
  });
}
