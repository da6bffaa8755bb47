import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import contentDisposition from "content-disposition";
import type { Context } from "./context.ts";
import type { Export, Page } from "./route.ts";

/** JSON on its way out: what is stored under an Idempotency-Key and sent again. */
export interface Outcome {
  status: number;
  headers: Record<string, string>;
  /** The finished text; null for none. */
  body: string | null;
}

/** Sends JSON. What a handler said about caching stands. */
export function sendJson(ctx: Context, { status, headers, body }: Outcome): void {
  ctx.set({ "Cache-Control": "no-store", ...headers });
  ctx.status = status;
  ctx.body = body;
  if (body !== null) ctx.type = "application/json; charset=utf-8";
}

/** Sends a finished page. */
export function sendPage(ctx: Context, { contentType, body, headers = {} }: Page): void {
  ctx.set({ "Cache-Control": "no-store", ...headers });
  ctx.body = body;
  ctx.type = contentType;
}

/** Sends an export as a file to be saved. */
export function sendExport(ctx: Context, { contentType, fileName, text }: Export): Promise<void> {
  ctx.set({ "Content-Disposition": contentDisposition(fileName) });
  return sendText(ctx, text, contentType);
}

/** Sends text as it comes, with nothing on the way holding it back; its source is destroyed when the client goes. */
export async function sendText(
  ctx: Context,
  text: Readable,
  contentType = "text/plain; charset=utf-8",
): Promise<void> {
  ctx.respond = false;
  ctx.status = 200;
  ctx.set({
    "Cache-Control": "no-store, no-transform",
    "Content-Type": contentType,
    "X-Accel-Buffering": "no",
  });
  if (ctx.method === "HEAD") {
    text.destroy();
    ctx.res.end();
    return;
  }
  ctx.res.flushHeaders();
  await pipeline(text, ctx.res);
}
