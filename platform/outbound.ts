import { lookup } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import { pipeline, type Readable, type Transform } from "node:stream";
import { callbackify } from "node:util";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { Agent, type Dispatcher } from "undici";
import {
  isOpened,
  isPublicAddress,
  notPublic,
  type OpenedHost,
  OutboundRefused,
  readTarget,
} from "./outbound-rules.ts";

/** A request to an address that a user gave. */
export interface OutboundRequest {
  url: string;
  method: "GET" | "HEAD" | "POST";
  headers?: Record<string, string>;
  body?: string;
  /** For everything: resolving, connecting, all hops, and reading the answer. */
  timeoutMs: number;
  /** How much of the answer's body is read, decompressed; the rest is dropped. */
  limitBytes: number;
  /** How many redirects are followed, each judged like the first address. */
  redirects?: number;
  signal?: AbortSignal;
}

/** What came back, a redirect that was not followed included. */
export interface OutboundAnswer {
  /** Where it came from, after redirects. */
  url: string;
  status: number;
  headers: Record<string, string | string[] | undefined>;
  bytes: Buffer;
  /** True when the body was longer than what was read. */
  isCut: boolean;
}

/** The only way to addresses that users give. Knows no proxy: what it judges is what it connects to. */
export interface Outbound {
  /** Throws `OutboundRefused` for what would be refused now. A name that nobody can resolve now is not refused. */
  check(url: string): Promise<void>;
  /** Throws `OutboundRefused`, or the error of the network. */
  request(request: OutboundRequest): Promise<OutboundAnswer>;
  close(): Promise<void>;
}

type Address = { address: string; family: number };
/** Every address of a name. */
export type Resolve = (hostname: string) => Promise<Address[]>;

const CONNECT_TIMEOUT_MS = 10_000;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** What belongs to the first address, and to no other one that it redirects to. */
const CREDENTIALS = new Set(["authorization", "cookie", "proxy-authorization"]);

/**
 * Opens the way out. `opened` names hosts that may be private. A name is resolved once for each connection, and the
 * connection goes to the very address that was judged, so a name that changes its mind in between gains nothing.
 */
export function openOutbound(
  opened: readonly OpenedHost[] = [],
  resolve: Resolve = (hostname) => lookup(hostname, { all: true }),
): Outbound {
  const agentFor = (judge: Resolve) =>
    new Agent({ connect: { lookup: asLookup(judge), timeout: CONNECT_TIMEOUT_MS } });
  /** Of several addresses one that is not public is enough: which one is taken elsewhere is nobody's to choose. */
  const judge = async (hostname: string) => {
    const found = await resolve(hostname).catch(() => []);
    if (!found.every(({ address }) => isPublicAddress(address))) throw notPublic();
  };
  const publicOnly: Resolve = async (hostname) => {
    const open = (await resolve(hostname)).filter(({ address }) => isPublicAddress(address));
    if (open.length === 0) throw notPublic();
    return open;
  };
  const guarded = agentFor(publicOnly);
  const unguarded = agentFor(resolve);

  return {
    async check(text) {
      const url = readTarget(text, opened);
      if (isOpened(url, opened)) return;
      await judge(url.hostname.replace(/^\[|\]$/g, ""));
    },

    async request(request) {
      const timeout = AbortSignal.timeout(request.timeoutMs);
      const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
      let hop: Hop = { ...request, url: readTarget(request.url, opened) };
      for (let left = request.redirects ?? 0; ; left--) {
        const agent = isOpened(hop.url, opened) ? unguarded : guarded;
        const answer = await send(agent, hop, signal);
        const next = left > 0 ? redirected(hop, answer) : undefined;
        if (!next) return receive(hop.url, answer, request.limitBytes);
        answer.body.on("error", () => {}).destroy();
        hop = { ...next, url: readTarget(next.url.href, opened) };
      }
    },

    close: async () => void (await Promise.all([guarded.close(), unguarded.close()])),
  };
}

interface Hop {
  url: URL;
  method: OutboundRequest["method"];
  headers?: Record<string, string>;
  body?: string;
}

type Answer = Dispatcher.ResponseData;

function send(agent: Agent, { url, method, headers, body }: Hop, signal: AbortSignal) {
  return agent.request({
    origin: url.origin,
    path: url.pathname + url.search,
    method,
    headers: { "accept-encoding": "gzip, deflate, br", ...headers },
    body: body ?? null,
    signal,
  });
}

/** The request that a redirect asks for (RFC 9110 §15.4); undefined when the answer is none. */
function redirected(hop: Hop, { statusCode, headers }: Answer): Hop | undefined {
  const { location } = headers;
  if (!REDIRECTS.has(statusCode) || typeof location !== "string") return undefined;
  if (!URL.canParse(location, hop.url.href)) return undefined;
  const url = new URL(location, hop.url);
  const kept = Object.entries(hop.headers ?? {}).filter(
    ([name]) => url.origin === hop.url.origin || !CREDENTIALS.has(name.toLowerCase()),
  );
  const keepsBody = statusCode === 307 || statusCode === 308 || hop.method !== "POST";
  return keepsBody
    ? { ...hop, url, headers: Object.fromEntries(kept) }
    : { url, method: "GET", headers: Object.fromEntries(kept) };
}

async function receive(url: URL, answer: Answer, limitBytes: number): Promise<OutboundAnswer> {
  const { statusCode: status, headers } = answer;
  const read = await readUpTo(decoded(answer), limitBytes);
  return { url: url.href, status, headers, ...read };
}

/** The body without its compression, decompressed only as far as it is read. */
function decoded({ body, headers }: Answer): Readable {
  const encoding = headers["content-encoding"];
  const decoder = typeof encoding === "string" && decoderOf(encoding.toLowerCase());
  if (!decoder) return body;
  pipeline(body, decoder, () => {});
  return decoder;
}

function decoderOf(encoding: string): Transform | undefined {
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    default:
      return undefined;
  }
}

async function readUpTo(
  stream: Readable,
  limitBytes: number,
): Promise<Pick<OutboundAnswer, "bytes" | "isCut">> {
  const chunks: Buffer[] = [];
  let left = limitBytes;
  // Whoever stops reading is told that it was stopped.
  stream.on("error", () => {});
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, left));
    left -= chunk.length;
    if (left < 0) return { bytes: Buffer.concat(chunks), isCut: true };
  }
  return { bytes: Buffer.concat(chunks), isCut: false };
}

/** `resolve` in the form in which sockets ask. */
function asLookup(resolve: Resolve): LookupFunction {
  const answer = callbackify(resolve);
  return (hostname, { all, family }, done) => {
    answer(hostname, (error, found) => {
      const wanted = (found ?? []).filter((one) => !family || Number(family) === one.family);
      const [first] = wanted;
      if (error) done(error, "", 0);
      else if (!first) done(new OutboundRefused(`${hostname} has no address.`), "", 0);
      else if (all) done(null, wanted);
      else done(null, first.address, first.family);
    });
  };
}
