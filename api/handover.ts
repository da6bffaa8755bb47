import type { IncomingHttpHeaders } from "node:http";
import { LIMITS } from "../domain/limits.ts";
import type { DeliveryMode } from "../platform/env.ts";
import type { OpenedObject } from "../platform/objects/index.ts";
import { NOT_KEPT } from "./answers.ts";
import type { Context } from "./context.ts";

/** An answer that another program gives: nginx out of the same disk, or the S3 server. */
export interface Handover {
  status: 200 | 302;
  headers: Record<string, string>;
}

/** What the other program is to say of the bytes. */
export interface Shown {
  contentDisposition: string;
  headers: Record<string, string>;
}

/** By this nginx says that it understands `X-Accel-Redirect`; whoever comes another way gets the bytes from us. */
const OFFER = "x-sendfile-type";
const ACCEL = "X-Accel-Redirect";
const ACCEL_PLACE = "/_objects/";

/**
 * How the bytes of a GET can be sent by somebody else, now that everything was checked; undefined when we have to do it
 * ourselves. The other program sees the same request: one whose conditions it would judge anew, by what it knows of the
 * file, stays here.
 */
export async function handOver(
  ctx: Context,
  mode: DeliveryMode,
  object: OpenedObject,
  shown: Shown,
): Promise<Handover | undefined> {
  if (mode === "stream" || ctx.method !== "GET" || isJudgedAnew(ctx.req.headers)) return undefined;
  if (mode === "redirect") return object.presign && redirect(object.presign, object, shown);
  if (!object.file || ctx.get(OFFER) !== ACCEL) return undefined;
  const path = object.file.split("/").map(encodeURIComponent).join("/");
  const headers = { ...shown.headers, "Content-Type": object.facts.contentType };
  return { status: 200, headers: { ...headers, [ACCEL]: ACCEL_PLACE + path } };
}

/** An address that the whole world may use is given to nobody for longer than it takes to begin. */
async function redirect(
  presign: NonNullable<OpenedObject["presign"]>,
  { facts }: OpenedObject,
  { contentDisposition }: Shown,
): Promise<Handover> {
  const location = await presign({
    seconds: LIMITS.presignedSeconds,
    contentType: facts.contentType,
    contentDisposition,
    cacheControl: NOT_KEPT,
  });
  return { status: 302, headers: { Location: location, "Cache-Control": NOT_KEPT } };
}

function isJudgedAnew(headers: IncomingHttpHeaders): boolean {
  const ours = ["if-match", "if-unmodified-since", "if-modified-since", "if-range"];
  return ours.some((name) => headers[name] !== undefined);
}
