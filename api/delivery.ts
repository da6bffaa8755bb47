import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import contentDisposition from "content-disposition";
import { refusal } from "../domain/errors.ts";
import type { DeliveryMode } from "../platform/env.ts";
import { type ByteRange, ObjectReplaced, type OpenedObject } from "../platform/objects/index.ts";
import { NOT_KEPT } from "./answers.ts";
import { contentRange, lengthOf, parseRanges } from "./byte-ranges.ts";
import type { Context } from "./context.ts";
import { handOver } from "./handover.ts";
import { evaluateConditions, rangeApplies } from "./preconditions.ts";

/** An opened object on its way to a client (RFC 9110 ranges and conditions). */
export interface Delivery {
  object: OpenedObject;
  /** The addresses that edges are told to forget. Asked for under another one, nobody may keep it. */
  purgeable?: readonly string[];
  /** The strong entity tag, without quotes. */
  etag: string;
  /** The name a browser saves it under (RFC 6266, 8187). */
  fileName: string;
  cacheControl: string;
  /** Watches over the bytes on their way, or refuses to let them go; not asked about an answer without any. */
  begin?: (bytes: number) => Promise<Transfer>;
  /** True when nobody else may send the bytes: they are to be watched. */
  isOurs?: boolean;
  /** Counts a download of the whole, or takes it back. */
  count?: (times: 1 | -1) => Promise<void>;
  /** Opens the object anew when the store says that it was replaced before the first byte was sent. */
  reopen?: () => Promise<Delivery>;
}

/** Bytes on their way to a client. */
export interface Transfer {
  /** The most that may go at once, where that is limited. */
  stepBytes?: number;
  /** Ends when so many more bytes may go. */
  waitToSend(bytes: number, signal: AbortSignal): Promise<void>;
  /** Told of every piece that has gone. */
  sent(bytes: number): void;
  /** Called once, however it ends; never fails. */
  end(): Promise<void>;
}

/** How much is read at once into memory of our own: each client that is slow holds as much. */
const BLOCK_BYTES = 512 * 1024;

/** How often an object may be replaced under our hands before we give up. */
const MOST_OPENINGS = 5;

/**
 * Answers GET or HEAD with an opened object: conditions, one or many ranges, back-pressure. The object is closed
 * exactly once, however the request ends; a HEAD reads no byte. An answer is one whole version: an object that was
 * replaced before its first byte is opened anew, after it the connection breaks off.
 */
export async function deliver(
  ctx: Context,
  first: Delivery,
  mode: DeliveryMode = "stream",
): Promise<void> {
  let delivery = first;
  for (let openings = 1; ; openings++) {
    try {
      return await send(ctx, delivery, mode);
    } catch (error) {
      const isStale = error instanceof ObjectReplaced && !ctx.res.headersSent;
      if (!isStale || !delivery.reopen) throw error;
      if (openings === MOST_OPENINGS) {
        throw refusal("platform/not-ready", "This file is changing right now. Try again.");
      }
    } finally {
      await delivery.object.close();
    }
    delivery = await delivery.reopen();
  }
}

async function send(ctx: Context, delivery: Delivery, mode: DeliveryMode): Promise<void> {
  const { object, etag } = delivery;
  const { bytes, modifiedAt } = object.facts;
  const validators = {
    ETag: `"${etag}"`,
    "Last-Modified": modifiedAt.toUTCString(),
    "Cache-Control": cacheControlOf(ctx, delivery),
  };
  const verdict = evaluateConditions(ctx.req.headers, { etag, modifiedAt });
  if (verdict === "failed") {
    throw refusal("request/precondition-failed", "This file is not the one you mean.", {
      headers: validators,
    });
  }
  if (verdict === "not-modified") {
    ctx.set(validators);
    ctx.status = 304;
    return;
  }
  const ranges = rangesOf(ctx, delivery);
  if (ranges?.length === 0) {
    throw refusal("request/range-not-satisfiable", `This file has ${bytes} bytes.`, {
      headers: { ...validators, "Content-Range": `bytes */${bytes}` },
    });
  }
  const contentDisposition = attachment(delivery.fileName);
  const headers = {
    ...validators,
    "Content-Disposition": contentDisposition,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
  };
  const sender = delivery.isOurs ? "stream" : mode;
  const handover = await handOver(ctx, sender, object, { contentDisposition, headers });
  if (!handover) return sendBytes(ctx, delivery, headers, ranges);
  // Nobody tells us how it ends: what was asked for whole counts.
  if (!ranges) await counting(ctx, delivery.count)?.begin();
  ctx.status = handover.status;
  ctx.set(handover.headers);
  ctx.body = "";
}

/** Nobody could purge an address that anybody can make up: with a query, a slash behind it, or escapes in it. */
function cacheControlOf(ctx: Context, { purgeable = [ctx.path], cacheControl }: Delivery): string {
  return purgeable.includes(ctx.url) ? cacheControl : NOT_KEPT;
}

/** The ranges to send, undefined for the whole. A Range means something in a GET alone. */
function rangesOf(ctx: Context, { object, etag }: Delivery): ByteRange[] | undefined {
  const { range } = ctx.req.headers;
  const { bytes, modifiedAt } = object.facts;
  if (ctx.method !== "GET" || range === undefined) return undefined;
  return rangeApplies(ctx.get("If-Range") || undefined, { etag, modifiedAt }, new Date())
    ? parseRanges(range, bytes)
    : undefined;
}

async function sendBytes(
  ctx: Context,
  { object, begin, count }: Delivery,
  shown: Record<string, string>,
  ranges: ByteRange[] | undefined,
): Promise<void> {
  const { length, headers, open } = bodyOf(object, ranges);
  const isSilent = ctx.method === "HEAD" || length === 0;
  const transfer = isSilent ? undefined : await begin?.(length);
  try {
    const pour = isSilent ? undefined : await open(ctx.state.signal, transfer?.stepBytes);
    ctx.respond = false;
    ctx.status = ranges ? 206 : 200;
    ctx.set({
      ...shown,
      ...headers,
      "Content-Length": `${length}`,
      "Accept-Ranges": "bytes",
    });
    await pourCounted(pour, ctx, ranges ? undefined : counting(ctx, count), transfer);
    ctx.res.end();
  } finally {
    await transfer?.end();
  }
}

async function pourCounted(
  pour: Pour | undefined,
  { res }: Context,
  counted: Counting | undefined,
  transfer: Transfer | undefined,
): Promise<void> {
  try {
    await pour?.(res, counted, transfer);
  } catch (error) {
    await counted?.takeBack();
    throw error;
  }
}

/** What is done about a count: a download is never held up by one that fails. */
interface Counting {
  begin(): Promise<void>;
  takeBack(): Promise<void>;
}

function counting({ state }: Context, count: Delivery["count"]): Counting | undefined {
  if (!count) return undefined;
  const attempt = async (times: 1 | -1) => {
    try {
      await count(times);
      return true;
    } catch (error) {
      state.log.error({ err: error, times }, "a download was not counted");
      return false;
    }
  };
  let counted: Promise<boolean> | undefined;
  return {
    async begin() {
      counted = attempt(1);
      await counted;
    },
    async takeBack() {
      if (await counted) await attempt(-1);
    },
  };
}

/** A body that is opened when it is wanted. */
interface Body {
  length: number;
  headers: Record<string, string>;
  open: (signal: AbortSignal, stepBytes?: number) => Promise<Pour>;
}

/**
 * Sends what was opened with back-pressure, or throws: what ends before its time never completes an answer. A count is
 * in the database before the last bytes leave: no crash loses a download that its client has seen the end of.
 */
type Pour = (res: ServerResponse, count?: Counting, transfer?: Transfer) => Promise<void>;

function bodyOf(object: OpenedObject, ranges: ByteRange[] | undefined): Body {
  if (ranges && ranges.length > 1) return multipart(object, ranges);
  const { bytes, contentType } = object.facts;
  const range = ranges?.[0] ?? { start: 0, end: bytes - 1 };
  return {
    length: lengthOf(range),
    headers: {
      "Content-Type": contentType,
      ...(ranges && { "Content-Range": contentRange(range, bytes) }),
    },
    open: async (signal, stepBytes) =>
      object.fill
        ? openBlocks(object.fill, range, signal, stepBytes)
        : pourStream(await started(await object.read(range), signal), lengthOf(range), signal),
  };
}

/** One block of memory serves the whole answer: it is sent, and only then filled again. */
async function openBlocks(
  fill: NonNullable<OpenedObject["fill"]>,
  { start, end }: ByteRange,
  signal: AbortSignal,
  stepBytes = BLOCK_BYTES,
): Promise<Pour> {
  const block = Buffer.allocUnsafeSlow(Math.min(stepBytes, end + 1 - start));
  let bytes = await fill(block, start);
  return async (res, count, transfer) => {
    for (let next = start + bytes; ; next += bytes) {
      const isLast = next > end;
      if (isLast) await count?.begin();
      await transfer?.waitToSend(bytes, signal);
      await write(res, block.subarray(0, bytes), signal);
      transfer?.sent(bytes);
      if (isLast) return;
      bytes = await fill(block.subarray(0, end + 1 - next), next);
    }
  };
}

/** Ends when the system has taken the bytes, and throws when the client has left. */
function write(res: ServerResponse, bytes: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () =>
      reject(Object.assign(new Error("the client left"), { code: "ERR_STREAM_PREMATURE_CLOSE" }));
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    res.write(bytes, (error) => {
      // A connection that broke calls back as if all were well; the signal is about to tell.
      if (error || res.socket?.destroyed) return;
      signal.removeEventListener("abort", leave);
      resolve();
    });
  });
}

function pourStream(source: Readable, length: number, signal: AbortSignal): Pour {
  return async (res, count, transfer) => {
    let sent = 0;
    const toClient = new Writable({
      highWaterMark: source.readableHighWaterMark,
      write(chunk: Buffer, _encoding, done) {
        sent += chunk.length;
        const pass = () => {
          transfer?.sent(chunk.length);
          return res.write(chunk) ? done() : res.once("drain", done);
        };
        const isLast = count !== undefined && sent === length;
        if (!isLast && !transfer) return void pass();
        const allowed = transfer?.waitToSend(chunk.length, signal) ?? Promise.resolve();
        allowed.then(() => (isLast ? count.begin() : undefined)).then(pass, done);
      },
    });
    res.once("close", () => toClient.destroy());
    await pipeline(source, toClient);
    if (sent !== length) throw new Error(`the store gave ${sent} of ${length} bytes`);
  };
}

/** RFC 9110 §14.6: each range under a header of its own; one is read after the other. */
function multipart(object: OpenedObject, ranges: ByteRange[]): Body {
  const { bytes, contentType } = object.facts;
  const boundary = randomUUID();
  const headOf = (range: ByteRange) =>
    `\r\n--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: ${contentRange(range, bytes)}\r\n\r\n`;
  const end = `\r\n--${boundary}--\r\n`;
  const [first, ...more] = ranges as [ByteRange, ...ByteRange[]];

  async function* write(opened: Readable) {
    yield headOf(first);
    yield* opened;
    for (const range of more) {
      yield headOf(range);
      yield* await object.read(range);
    }
    yield end;
  }
  const length = ranges.reduce(
    (sum, range) => sum + headOf(range).length + lengthOf(range),
    end.length,
  );
  return {
    length,
    headers: { "Content-Type": `multipart/byteranges; boundary=${boundary}` },
    open: async (signal) => {
      const opened = await started(await object.read(first), signal);
      const parts = Readable.from(write(opened), { objectMode: false });
      // A generator that nobody began runs no `finally`.
      parts.once("close", () => opened.destroy());
      return pourStream(parts, length, signal);
    },
  };
}

/** Waits for the first bytes, so that a source which cannot give any becomes a proper "no". */
async function started(source: Readable, signal: AbortSignal): Promise<Readable> {
  try {
    if (source.readableLength === 0) await once(source, "readable", { signal });
    return source;
  } catch (error) {
    source.destroy();
    throw error;
  }
}

/** With an ASCII name for clients that know no other; lone surrogates, which no URL can carry, are replaced. */
function attachment(fileName: string): string {
  const name = Buffer.from(fileName).toString();
  return contentDisposition(name, { fallback: name.replaceAll(/[^\x20-\x7e]/gu, "_") });
}
