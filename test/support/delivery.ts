import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { Delivery } from "../../api/delivery.ts";
import { route } from "../../api/route.ts";
import type { ByteRange, OpenedObject } from "../../platform/objects/index.ts";
import { startApi } from "./api.ts";
import { type Received, send } from "./http.ts";

/** The file that is delivered. */
export const CONTENT = Buffer.from("0123456789abcdefghij");
/** Its entity tag. */
export const ETAG = createHash("sha256").update(CONTENT).digest("hex");
/** When it was changed, and a second around that. */
export const MODIFIED = new Date("2026-03-01T12:00:00.400Z");
export const MODIFIED_TEXT = "Sun, 01 Mar 2026 12:00:00 GMT";
export const BEFORE = "Sun, 01 Mar 2026 11:59:59 GMT";
export const AFTER = "Sun, 01 Mar 2026 12:00:01 GMT";

/** An object in memory that counts what is done to it. */
export interface Watched extends OpenedObject {
  reads: (ByteRange | undefined)[];
  closed: number;
}

/** Makes an object of these bytes. */
export function watch(content: Buffer, given: Partial<OpenedObject> = {}): Watched {
  const watched: Watched = {
    reads: [],
    closed: 0,
    facts: {
      key: "k",
      bytes: content.length,
      contentType: "application/zip",
      metadata: {},
      modifiedAt: MODIFIED,
    },
    async read(range) {
      watched.reads.push(range);
      return Readable.from([content.subarray(range?.start ?? 0, (range?.end ?? Infinity) + 1)], {
        objectMode: false,
      });
    },
    async close() {
      watched.closed += 1;
    },
    ...given,
  };
  return watched;
}

/** Starts an API that delivers `object`; answers what asks it. */
export async function startFile(
  object: OpenedObject = watch(CONTENT),
  given: Partial<Delivery> = {},
): Promise<(headers?: Record<string, string>, method?: string) => Promise<Received>> {
  const file = route({
    method: "get",
    path: "/file",
    summary: "A file",
    access: "public",
    returns: "delivery",
    handle: (): Delivery => ({
      object,
      etag: ETAG,
      fileName: "a.zip",
      cacheControl: "public, max-age=60",
      ...given,
    }),
  });
  const api = await startApi({ routes: { file } });
  return (headers = {}, method = "GET") => send(api.address, { method, path: "/file", headers });
}
