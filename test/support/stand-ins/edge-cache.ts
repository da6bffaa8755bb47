import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

interface Kept {
  status: number;
  headers: Record<string, string>;
  bytes: Buffer;
  /** Until when it may be shown, in epoch milliseconds. */
  until: number;
}

/** What an edge keeps: whole answers by their address, for as long as `Cache-Control` says. */
export interface EdgeCache {
  /** Answers a GET or HEAD about `url` from what is kept, else from the same path of `origin`. */
  show(
    req: IncomingMessage,
    res: ServerResponse,
    where: { url: string; origin: string },
  ): Promise<void>;
  forget(url: string): void;
}

const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "date"]);

/** An edge that keeps nothing yet. */
export function openEdgeCache(): EdgeCache {
  const kept = new Map<string, Kept>();
  return {
    forget: (url) => void kept.delete(url),
    async show(req, res, { url, origin }) {
      const fresh = kept.get(url);
      const isHit = fresh !== undefined && fresh.until > Date.now();
      // As Cloudflare does: a HEAD or a range is answered out of the whole, which is fetched for it.
      const shown = isHit ? fresh : await fetchWhole(origin + req.url!);
      if (!isHit && shown.until > 0) kept.set(url, shown);
      answer(req, res, shown, isHit ? "HIT" : "MISS");
    },
  };
}

async function fetchWhole(url: string): Promise<Kept> {
  const response = await fetch(url, {
    redirect: "manual",
    headers: { "accept-encoding": "identity" },
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const headers = Object.fromEntries(
    [...response.headers].filter(([name]) => !HOP_BY_HOP.has(name)),
  );
  const terms = response.headers.get("cache-control") ?? "";
  const seconds = /\bpublic\b/.test(terms) ? Number(/max-age=(\d+)/.exec(terms)?.[1] ?? 0) : 0;
  const isKept = response.status === 200 && seconds > 0;
  return {
    status: response.status,
    headers,
    bytes,
    until: isKept ? Date.now() + seconds * 1000 : 0,
  };
}

function answer(req: IncomingMessage, res: ServerResponse, kept: Kept, verdict: string): void {
  const headers: Record<string, string> = { ...kept.headers, "cf-cache-status": verdict };
  const { etag } = kept.headers;
  if (kept.status === 200 && etag && req.headers["if-none-match"] === etag) {
    delete headers["content-length"];
    res.writeHead(304, headers).end();
    return;
  }
  const range = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? "");
  const isPart = kept.status === 200 && range !== null && req.method === "GET";
  const bytes = isPart ? kept.bytes.subarray(Number(range[1]), Number(range[2]) + 1) : kept.bytes;
  if (isPart) headers["content-range"] = `bytes ${range[1]}-${range[2]}/${kept.bytes.length}`;
  // Of a HEAD the length is told and the bytes are not sent.
  res.writeHead(isPart ? 206 : kept.status, { ...headers, "content-length": bytes.length });
  res.end(req.method === "HEAD" ? undefined : bytes);
}

/** The digest of what a client gets at `url` now, with its status. */
export async function seenAt(url: string): Promise<{ status: number; sha256: string }> {
  const response = await fetch(url);
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, sha256: createHash("sha256").update(bytes).digest("hex") };
}
