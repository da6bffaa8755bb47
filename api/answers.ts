import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import contentDisposition from "content-disposition";
import type { Context } from "./context.ts";
import { hasCopy } from "./preconditions.ts";
import type { Export, Page } from "./route.ts";

/** The `Cache-Control` of answers that nobody may keep. */
export const NOT_KEPT = "private, no-store";

/** JSON on its way out: what is stored under an Idempotency-Key and sent again. */
export interface Outcome {
  status: number;
  headers: Record<string, string>;
  /** The finished text; null for none. */
  body: string | null;
}

/** Sends JSON. What a handler said about caching stands; a client whose copy has the same ETag is told to keep it. */
export function sendJson(ctx: Context, { status, headers, body }: Outcome): void {
  ctx.set({ "Cache-Control": "no-store", ...headers });
  ctx.status = status;
  if (isKept(ctx, headers["ETag"])) return notModified(ctx);
  ctx.body = body;
  if (body !== null) ctx.type = "application/json; charset=utf-8";
}

function isKept(ctx: Context, tag = ""): boolean {
  const etag = /^"(.*)"$/.exec(tag)?.[1];
  return etag !== undefined && hasCopy(ctx.req.headers, etag);
}

function notModified(ctx: Context): void {
  ctx.status = 304;
}

/** Sends a finished page, as JSON is sent. */
export function sendPage(ctx: Context, page: Page): void {
  const { status = 200, contentType, body, headers = {} } = page;
  ctx.set({ "Cache-Control": "no-store", ...headers });
  ctx.status = status;
  if (isKept(ctx, ctx.response.get("ETag"))) return notModified(ctx);
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
