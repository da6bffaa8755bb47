import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { BadConfiguration } from "../platform/env.ts";

/** An API that accepts connections. */
export interface Listening {
  /** `http://127.0.0.1:3000`: where it really listens, also when the port was given as 0. */
  address: string;
  /** Stops accepting, lets requests in flight end, and cuts what lasts longer than `deadlineMs`. */
  close: (deadlineMs: number) => Promise<void>;
}

/** Takes a connection that a client wants to use as a WebSocket. */
export type TakeUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Milliseconds. `idle`: how long a client may owe us bytes, or not take ours. */
const TIMEOUTS = { headers: 30_000, idle: 120_000, keepAlive: 75_000 };

interface ListenOptions {
  host: string;
  port: number;
  idleMs?: number;
  takeUpgrade?: TakeUpgrade;
}

/** Starts to listen. Throws `BadConfiguration` naming the port when it cannot be had. */
export async function listen(
  answer: RequestListener,
  { host, port, idleMs = TIMEOUTS.idle, takeUpgrade }: ListenOptions,
): Promise<Listening> {
  // No limit for a whole request: an upload may last for days.
  const server = createServer({
    requestTimeout: 0,
    headersTimeout: TIMEOUTS.headers,
    keepAliveTimeout: TIMEOUTS.keepAlive,
    keepAlive: true,
  });
  server.timeout = idleMs;
  const serve = (req: IncomingMessage, res: ServerResponse) => {
    res.on("timeout", (socket: Socket) => {
      if (waitsForClient(req, res)) socket.destroy();
    });
    answer(req, res);
  };
  server.on("request", serve);
  // A body that will be refused need not be sent: reading it is what asks for it (api/bodies/arrival.ts).
  server.on("checkContinue", serve);
  if (takeUpgrade) {
    server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (req.headers.upgrade?.toLowerCase() === "websocket") takeUpgrade(req, socket, head);
      else answerPlainly(server, req, socket, head);
    });
  }
  await bind(server, host, port);
  const { address, family, port: actual } = server.address() as AddressInfo;
  return {
    address: `http://${family === "IPv6" ? `[${address}]` : address}:${actual}`,
    close: (deadlineMs) => close(server, deadlineMs),
  };
}

/** What an upgrade brings with it and a plain request must not have. */
const OF_UPGRADES = new Set(["upgrade", "connection", "http2-settings"]);

/**
 * Has a request that offers another protocol than WebSocket, as some clients do with HTTP/2 each time, answered as if it
 * had not: the server that takes any upgrade is given all of them, and may go on with HTTP/1.1 (RFC 9110 §7.8).
 */
function answerPlainly(
  server: Server,
  { method, url, httpVersion, rawHeaders }: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2);
    if (!OF_UPGRADES.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
  server.emit("connection", socket);
}

/** A connection may be silent because we are at work, or have nothing to say; only a client's own silence ends it. */
function waitsForClient(req: IncomingMessage, res: ServerResponse): boolean {
  return (!req.complete && !req.isPaused()) || res.writableNeedDrain;
}

async function bind(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  }).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    const why = REASONS[code ?? ""];
    throw why ? new BadConfiguration([`PORT: ${port} on ${host} ${why}`]) : error;
  });
}

const REASONS: Record<string, string> = {
  EADDRINUSE: "is in use by another program; end it or choose another port",
  EACCES: "may not be used without more rights; choose one above 1023",
  EADDRNOTAVAIL: "cannot be used: HOST is no address of this machine",
  ENOTFOUND: "cannot be used: HOST is no address of this machine",
};

async function close(server: Server, deadlineMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // A connection that was busy becomes idle, and would be kept for the next request.
  server.prependListener("request", (_, res) => res.setHeader("Connection", "close"));
  const idleSweep = setInterval(() => server.closeIdleConnections(), 50);
  const deadline = new AbortController();
  try {
    await Promise.race([closed, sleep(deadlineMs, undefined, { signal: deadline.signal })]);
    server.closeAllConnections();
    await closed;
  } finally {
    deadline.abort();
    clearInterval(idleSweep);
  }
}
