import { isIP } from "node:net";
import { z } from "zod";
import { PROXY_PROTOCOLS, type ProxyProtocol, type TrafficFault } from "../domain/proxies.ts";
import { isOpened, isPublicAddress, type OpenedHost } from "./outbound-rules.ts";

/** A proxy as a provider rents it out, with its credentials in clear: for memory alone. */
export interface RentedProxy {
  protocol: ProxyProtocol;
  host: string;
  port: number;
  username: string | null;
  password: string | null;
  /** Null when the provider does not say. */
  expiresAt: Date | null;
}

/** Where proxies are rented, one by one. */
export interface ProxySource {
  /** Throws `ProxySourceFailed`: when nothing came in time, when it was anything but 200, when it was no proxy. */
  rent(given: { timeoutMs: number; signal?: AbortSignal }): Promise<RentedProxy>;
}

/** No proxy came. The message says why in a sentence, without the key. */
export class ProxySourceFailed extends Error {
  readonly fault: TrafficFault;

  constructor(fault: TrafficFault, reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = "ProxySourceFailed";
    this.fault = fault;
  }
}

/** Whom to ask, and the key by which they know us. */
export interface ProxySourceSettings {
  url: string;
  key: string | undefined;
  /** Hosts that may be private, as `OUTBOUND_ALLOW` names them: all others that are rented are public. */
  opened: readonly OpenedHost[];
}

const LONGEST_ANSWER_BYTES = 64 * 1024;
/** Seconds would be smaller until the year 5138, milliseconds larger since 1973. */
const LEAST_MILLISECONDS = 1e11;

const Words = z.string().max(100).nullish();
const Expiry = z.union([z.number().positive(), z.string()]).nullish();

/** What providers answer. Both names that are usual for a thing are understood. */
const Answer = z.object({
  ip: z.string().min(1).max(255),
  port: z.coerce.number().int().min(1).max(65_535),
  protocol: z.enum(PROXY_PROTOCOLS).nullish(),
  username: Words,
  user: Words,
  password: Words,
  expire_at: Expiry,
  expiry: Expiry,
});

/** A provider's API: `GET` with the key as a bearer token answers one proxy. */
export function openProxySource({ url, key, opened }: ProxySourceSettings): ProxySource {
  return {
    async rent({ timeoutMs, signal }) {
      const timeout = AbortSignal.timeout(timeoutMs);
      const patience = signal ? AbortSignal.any([signal, timeout]) : timeout;
      const body = await ask(url, key, patience).catch((error: unknown) => {
        throw asFailed(error, timeout.aborted ? timeoutMs : undefined);
      });
      return readRented(body, opened);
    },
  };
}

async function ask(url: string, key: string | undefined, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, {
    headers: { accept: "application/json", ...(key && { authorization: `Bearer ${key}` }) },
    // The key is for this address and no other.
    redirect: "manual",
    signal,
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    const fault = [401, 403, 407].includes(response.status) ? "proxy_auth" : "proxy_unreachable";
    throw new ProxySourceFailed(fault, `The proxy API answered ${response.status}.`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER_BYTES) {
      throw new ProxySourceFailed("unknown", "The proxy API answered more than a proxy.");
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function asFailed(error: unknown, passedMs: number | undefined): ProxySourceFailed {
  if (passedMs !== undefined) {
    const reason = `The proxy API did not answer within ${passedMs / 1000} seconds.`;
    return new ProxySourceFailed("network_timeout", reason, { cause: error });
  }
  if (error instanceof ProxySourceFailed) return error;
  const { cause, message } = error as Error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? message;
  const reason = `The proxy API cannot be reached: ${code}.`;
  return new ProxySourceFailed("proxy_unreachable", reason, { cause: error });
}

function readRented(body: string, opened: readonly OpenedHost[]): RentedProxy {
  const answer = Answer.safeParse(parse(body)).data;
  if (!answer) throw new ProxySourceFailed("unknown", "The proxy API did not answer a proxy.");
  const { ip, port, protocol, username, user, password, expire_at, expiry } = answer;
  const host = judged(ip, port, opened);
  const ends = expire_at ?? expiry ?? null;
  const expiresAt = ends === null ? null : momentOf(ends);
  if (expiresAt && Number.isNaN(expiresAt.getTime())) {
    throw new ProxySourceFailed("unknown", "The proxy API names no time that can be read.");
  }
  return {
    protocol: protocol ?? "http",
    host,
    port,
    username: (username ?? user) || null,
    password: password || null,
    expiresAt,
  };
}

/** Whoever answers for the provider does not lead us into our own network. */
function judged(ip: string, port: number, opened: readonly OpenedHost[]): string {
  const address = `http://${ip.includes(":") ? `[${ip}]` : ip}:${port}`;
  if (URL.canParse(address)) {
    const url = new URL(address);
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (isOpened(url, opened) || (isIP(host) && isPublicAddress(host))) return host;
  }
  throw new ProxySourceFailed("unknown", "The proxy API named an address that is not public.");
}

function momentOf(ends: string | number): Date {
  const given = typeof ends === "string" && /^\d+$/.test(ends) ? Number(ends) : ends;
  if (typeof given === "string") return new Date(given);
  return new Date(given < LEAST_MILLISECONDS ? given * 1000 : given);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
