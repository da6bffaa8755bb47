import type { IncomingMessage, ServerResponse } from "node:http";
import { isIP } from "node:net";
import type { Logger } from "pino";
import type { Actor } from "../../domain/accounts.ts";
import { createIds } from "../../platform/crypto.ts";
import type { FoundRoute, RequestState, Step } from "../context.ts";

const NOT_LOOKED_FOR: FoundRoute = { params: {}, allowed: [] };
const SANE_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Gives each request its id (the client's `X-Request-ID` when it is a sane one), its logger, address and signal. */
export function identifyRequest(log: Logger, trustedProxies: number): Step {
  const newId = createIds();
  return (ctx) => {
    const given = ctx.get("X-Request-ID");
    const requestId = SANE_ID.test(given) ? given : newId();
    const address = callerAddress(ctx.req, trustedProxies);
    ctx.state = new KnownRequest(ctx.res, log, requestId, address);
    ctx.set("X-Request-ID", requestId);
  };
}

/** Its logger and its signal are made when they are asked for: most requests are answered without them. */
class KnownRequest implements RequestState {
  readonly requestId: string;
  readonly address: string;
  found: FoundRoute = NOT_LOOKED_FOR;
  actor?: Actor;
  signInFault?: Error;
  readonly #res: ServerResponse;
  readonly #parent: Logger;
  #log?: Logger;
  #signal?: AbortSignal;

  constructor(res: ServerResponse, parent: Logger, requestId: string, address: string) {
    this.#res = res;
    this.#parent = parent;
    this.requestId = requestId;
    this.address = address;
  }

  get log(): Logger {
    return (this.#log ??= this.#parent.child({ requestId: this.requestId }));
  }

  get signal(): AbortSignal {
    return (this.#signal ??= goneSignal(this.#res));
  }
}

/**
 * Each trusted proxy appends the address it was called from to X-Forwarded-For, so with `trustedProxies` of them
 * the caller stands that far from the right; what is further left is the caller's own claim.
 */
export function callerAddress(
  { headers, socket }: Pick<IncomingMessage, "headers" | "socket">,
  trustedProxies: number,
): string {
  const peer = socket.remoteAddress ?? "";
  if (trustedProxies === 0) return withoutPrefix(peer);
  const hops = String(headers["x-forwarded-for"] ?? "").split(",");
  const named = hops.slice(-trustedProxies)[0]?.trim() ?? "";
  return withoutPrefix(isIP(named) ? named : peer);
}

/** An IPv4 address as such, also where the socket takes both kinds. */
function withoutPrefix(address: string): string {
  return address.startsWith("::ffff:") ? address.replace(/^::ffff:(?=\d+\.)/, "") : address;
}

function goneSignal(res: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const look = () => {
    if (!res.writableFinished) gone.abort();
  };
  if (res.closed) look();
  else res.once("close", look);
  return gone.signal;
}
