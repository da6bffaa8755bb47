import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { connect, type LookupFunction, type Socket } from "node:net";
import { SocksClient, SocksClientError } from "socks";
import type { Target } from "./target.ts";

/** A proxy of somebody else's, which connections go through. Its credentials are held in memory alone. */
export interface Upstream {
  protocol: "http" | "https" | "socks5";
  host: string;
  port: number;
  username?: string | undefined;
  password?: string | undefined;
}

/** Why there is no connection: the target does not answer, or the proxy in between is the one that does not. */
export type DialFault = "target" | "proxy-auth" | "proxy-unreachable";

/** There is no connection. The message says why in a sentence, without credentials. */
export class DialFailed extends Error {
  readonly fault: DialFault;

  constructor(fault: DialFault, reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = "DialFailed";
    this.fault = fault;
  }
}

const CONNECT_TIMEOUT_MS = 15_000;
const PROXY_AUTHENTICATION_REQUIRED = 407;

/**
 * Connects to one of the target's judged addresses, through `upstream` if there is one: that is told the address and
 * not the name, which it might find somewhere else. Throws `DialFailed`.
 */
export function dial(target: Target, upstream: Upstream | undefined): Promise<Socket> {
  if (!upstream) return dialDirectly(target);
  return upstream.protocol === "socks5"
    ? dialBySocks(target, upstream)
    : dialByConnect(target, upstream);
}

function dialDirectly({ host, port, addresses }: Target): Promise<Socket> {
  const judged: LookupFunction = (_, { all }, done) => {
    const first = addresses[0]!;
    if (all) done(null, [...addresses]);
    else done(null, first.address, first.family);
  };
  const socket = connect({ host, port, lookup: judged, autoSelectFamily: true });
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      socket.destroy();
      reject(new DialFailed("target", `${host} does not answer: ${reason}.`));
    };
    const late = () => fail("it took too long");
    const broken = (error: Error) => fail(codeOf(error));
    socket.setTimeout(CONNECT_TIMEOUT_MS, late);
    socket.once("error", broken);
    socket.once("connect", () => {
      socket.setTimeout(0, late);
      socket.off("error", broken);
      resolve(socket);
    });
  });
}

/** The address that a proxy is told: many a proxy knows IPv4 alone. */
function told({ addresses }: Target): Target["addresses"][number] {
  return addresses.find(({ family }) => family === 4) ?? addresses[0]!;
}

/** Opens a tunnel (RFC 9110 §9.3.6), for plain HTTP too: then it is the tunnel's end that counts, and not a Host header. */
function dialByConnect(target: Target, upstream: Upstream): Promise<Socket> {
  const authority = authorityOf(target);
  const ask = upstream.protocol === "https" ? requestHttps : requestHttp;
  const { username, password = "" } = upstream;
  const basic = Buffer.from(`${username ?? ""}:${password}`).toString("base64");
  return new Promise((resolve, reject) => {
    const request = ask({
      host: upstream.host,
      port: upstream.port,
      method: "CONNECT",
      path: authority,
      headers: {
        host: authority,
        ...(username !== undefined && { "proxy-authorization": `Basic ${basic}` }),
      },
      agent: false,
    });
    request.setTimeout(CONNECT_TIMEOUT_MS, () => request.destroy(new Error("it took too long")));
    request.once("error", (error) => reject(unreachable(codeOf(error), error)));
    const refuse = ({ statusCode = 0 }: IncomingMessage) => {
      request.destroy();
      reject(answered(statusCode, target));
    };
    request.once("response", refuse);
    request.once("connect", (response, socket: Socket, head) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        return refuse(response);
      }
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      return resolve(socket);
    });
    request.end();
  });
}

function answered(status: number, { host }: Target): DialFailed {
  if (status === PROXY_AUTHENTICATION_REQUIRED || status === 401) {
    return new DialFailed("proxy-auth", `The proxy refuses its credentials: ${status}.`);
  }
  return new DialFailed("target", `The proxy does not reach ${host}: ${status}.`);
}

async function dialBySocks(target: Target, upstream: Upstream): Promise<Socket> {
  const { username, password = "" } = upstream;
  try {
    const { socket } = await SocksClient.createConnection({
      proxy: {
        host: upstream.host,
        port: upstream.port,
        type: 5,
        ...(username !== undefined && { userId: username, password }),
      },
      command: "connect",
      destination: { host: told(target).address, port: target.port },
      timeout: CONNECT_TIMEOUT_MS,
    });
    return socket;
  } catch (error) {
    // Its errors carry the options, and these the password: none of them goes further than here.
    const reason = error instanceof SocksClientError ? error.message : codeOf(error as Error);
    if (/authentication failed|authentication type/i.test(reason)) {
      throw new DialFailed("proxy-auth", "The proxy refuses its credentials.");
    }
    if (/rejected connection/i.test(reason)) {
      throw new DialFailed("target", `The proxy does not reach ${target.host}.`);
    }
    throw unreachable(reason);
  }
}

function authorityOf(target: Target): string {
  const { port } = target;
  const { address, family } = told(target);
  return family === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

function unreachable(reason: string, cause?: Error): DialFailed {
  return new DialFailed("proxy-unreachable", `The proxy does not answer: ${reason}.`, { cause });
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
