import { REFUSALS, type RefusalCode, refusalIn } from "../../domain/errors.ts";
import type { Context } from "../context.ts";
import { DIALECTS, type Refused } from "../dialects/index.ts";
import { isOutage } from "../outages.ts";

/** Turns whatever is thrown into an answer in the client's dialect; what nobody expected is logged, here and once. */
export function answerError(ctx: Context, error: unknown): void {
  if (isGone(error, ctx)) ctx.respond = false;
  else if (ctx.res.headersSent) breakOff(ctx, error);
  else answerRefusal(ctx, refusedBy(error, ctx));
}

/** A client that leaves is no error: what it left is closed, and it is counted as aborted. */
function isGone(error: unknown, ctx: Context): boolean {
  return ctx.state.signal.aborted && (isDeparture(error) || refusalIn(error) !== undefined);
}

const DEPARTURES = new Set([
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_DESTROYED",
  "ECONNRESET",
  "EPIPE",
]);

/** True for the errors by which streams and the HTTP parser (HPE_…) say that the other side has left. */
export function isDeparture(error: unknown): boolean {
  const { code: given, name } = error as NodeJS.ErrnoException;
  // That of a DOMException is a number.
  const code = String(given);
  return DEPARTURES.has(code) || code.startsWith("HPE_") || name === "AbortError";
}

/** Half an answer has gone: closing the connection is the only way left to tell the client. */
function breakOff(ctx: Context, error: unknown): void {
  ctx.respond = false;
  // That somebody's right has ended meanwhile is no fault.
  ctx.state.log[refusalIn(error) ? "info" : "error"]({ err: error }, "answer broke off");
  ctx.res.destroy();
}

function refusedBy(error: unknown, ctx: Context): Refused {
  const known = refusalIn(error);
  if (known) return { ...known, status: REFUSALS[known.code] };
  if (isOutage(error)) {
    ctx.state.log.warn({ err: error }, "something the platform needs cannot be reached");
    return refused("platform/not-ready", "The platform is not ready. Try again in a moment.");
  }
  ctx.state.log.error({ err: error }, "request failed");
  return refused("platform/bug", "Something went wrong here. Tell us the request id.");
}

function refused(code: RefusalCode, message: string): Refused {
  return { code, message, status: REFUSALS[code], extras: {} };
}

function answerRefusal(ctx: Context, refusedAs: Refused): void {
  const { found, requestId } = ctx.state;
  const { code, status, extras } = refusedAs;
  const dialect = DIALECTS[found.route?.dialect ?? "native"];
  const body =
    code === "request/invalid"
      ? dialect.invalid(extras.issues ?? [], requestId)
      : dialect.failure(refusedAs, requestId);
  ctx.status = status;
  ctx.set("Cache-Control", "no-store");
  if (status === 401) ctx.set("WWW-Authenticate", "Bearer");
  if (status === 503) ctx.set("Retry-After", "5");
  ctx.set(extras.headers ?? {});
  ctx.body = JSON.stringify(body);
  ctx.type = dialect.failureType;
}
