import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

/** A source of media over HTTP, that can be as bad as sources are. */
export interface MediaServer {
  address: string;
  /** `127.0.0.1:port`, as OUTBOUND_ALLOW names it. */
  host: string;
  /** What was asked for: path and Range, in turn. */
  asked: { method: string; path: string; range: string | undefined }[];
  /** How many bytes of a path's media have left. */
  sent(path: string): number;
  /** Serves these bytes under a path. */
  serve(path: string, bytes: Buffer, more?: Partial<Served>): void;
  close(): Promise<void>;
}

/** How something is served. */
interface Served {
  contentType: string;
  /** So many bytes at a time, every 50 ms; all at once when not given. */
  bytesPerTick: number;
  /** Of the first answer, only so many bytes come, and then nothing for ever. */
  stallsAfter: number;
  /** Of every answer, only so many bytes come before the connection breaks. */
  breaksAfter: number;
  /** Comes without saying how long it is. */
  hidesLength: boolean;
  /** Answers this and nothing else. */
  status: number;
  headers: Record<string, string>;
}

/** Bytes that cannot be compressed, always the same for a length. */
export function mediaBytes(length: number): Buffer {
  const blocks: Buffer[] = [];
  let block = createHash("sha512").update("media").digest();
  for (let made = 0; made < length; made += block.length) {
    blocks.push(block);
    block = createHash("sha512").update(block).digest();
  }
  return Buffer.concat(blocks).subarray(0, length);
}

/** Starts a source on a free port of the loopback address. */
export async function startMediaServer(): Promise<MediaServer> {
  const files = new Map<string, { bytes: Buffer } & Partial<Served>>();
  const sent = new Map<string, number>();
  const asked: MediaServer["asked"] = [];
  const server = createServer((req, res) => {
    const path = new URL(req.url!, "http://source").pathname;
    asked.push({ method: req.method!, path, range: req.headers.range });
    const file = files.get(decodeURIComponent(path));
    if (!file) return res.writeHead(404).end();
    answer(req, res, file, (bytes) => sent.set(path, (sent.get(path) ?? 0) + bytes));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address: `http://${host}`,
    host,
    asked,
    sent: (path) => sent.get(path) ?? 0,
    serve: (path, bytes, more = {}) => void files.set(path, { bytes, ...more }),
    async close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function answer(
  req: IncomingMessage,
  res: ServerResponse,
  file: { bytes: Buffer } & Partial<Served>,
  count: (bytes: number) => void,
): void {
  const { bytes, status, headers = {}, hidesLength, contentType = "video/mp4" } = file;
  if (status) return void res.writeHead(status, headers).end();
  const start = Number(/^bytes=(\d+)-/.exec(req.headers.range ?? "")?.[1] ?? 0);
  res.writeHead(start > 0 ? 206 : 200, {
    "Content-Type": contentType,
    "Accept-Ranges": "bytes",
    ...(!hidesLength && { "Content-Length": `${bytes.length - start}` }),
    ...(start > 0 && { "Content-Range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    ...headers,
  });
  if (req.method === "HEAD") return void res.end();
  void pour(res, bytes.subarray(start), file, count);
}

async function pour(
  res: ServerResponse,
  bytes: Buffer,
  file: Partial<Served>,
  count: (bytes: number) => void,
): Promise<void> {
  const { bytesPerTick = bytes.length || 1, stallsAfter, breaksAfter } = file;
  const limit = breaksAfter ?? stallsAfter ?? bytes.length;
  delete file.stallsAfter;
  for (let at = 0; at < Math.min(limit, bytes.length) && !res.destroyed; at += bytesPerTick) {
    const chunk = bytes.subarray(at, Math.min(at + bytesPerTick, limit));
    if (!res.write(chunk)) {
      const over = new AbortController();
      const { signal } = over;
      await Promise.race([once(res, "drain", { signal }), once(res, "close", { signal })]);
      over.abort();
    }
    count(chunk.length);
    if (at + bytesPerTick < bytes.length && file.bytesPerTick) {
      await new Promise((resolve) => void setTimeout(resolve, 50));
    }
  }
  if (breaksAfter !== undefined) return void res.destroy();
  if (limit >= bytes.length) res.end();
}
