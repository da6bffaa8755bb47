import {
  createServer,
  type IncomingMessage,
  request as requestHttp,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { sameDigest, sha256 } from "../crypto.ts";
import { OutboundRefused, type OpenedHost } from "../outbound-rules.ts";
import type { Resolve } from "../outbound.ts";
import { dial, DialFailed } from "./dial.ts";
import { openPassage, type OpenPassage, type Passage, type PassageTerms } from "./passage.ts";
import { judgeTarget, resolveByMachine, Unresolved } from "./target.ts";

export type { Upstream } from "./dial.ts";
export { type Passage, PassageStopped, type PassageTerms } from "./passage.ts";

/**
 * The way out for programs that fetch what users name: a forward proxy on the loopback interface (RFC 9110 §3.7, §9.3.6).
 * Each host is judged by the rules for addresses that users give before anything is connected to, whatever asked for it.
 */
export interface Egress {
  /** Lets one run out, by a credential of its own. */
  enter(terms: PassageTerms): Passage;
  close(): Promise<void>;
}

/** What belongs to one connection and not to the message (RFC 9110 §7.6.1), and what is for us. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Opens it on a free port. `opened` names hosts that may be private, as `OUTBOUND_ALLOW` does. */
export async function openEgress(
  opened: readonly OpenedHost[] = [],
  resolve: Resolve = resolveByMachine,
): Promise<Egress> {
  const passages = new Map<string, OpenPassage>();

  async function connectTo(passage: OpenPassage, address: string): Promise<Socket> {
    try {
      const target = await judgeTarget(address, opened, resolve);
      const outside = await dial(target, passage.terms.upstream);
      if (passage.stopped.aborted || !passages.has(passage.id)) {
        outside.destroy();
        throw new Refused(403, "This run has ended.");
      }
      passage.watch(outside, target.host);
      return outside;
    } catch (error) {
      throw refusedBy(error, passage);
    }
  }

  const gate: Gate = { passageOf: (request) => passageOf(request, passages), connectTo };
  const server = createServer((request, response) => {
    void forward(gate, request, response).catch((error: unknown) => {
      refuse(response, asRefused(error));
    });
  });
  server.on("connect", (request: IncomingMessage, client: Duplex, head: Buffer) => {
    client.on("error", () => client.destroy());
    void tunnel(gate, request, client, head).catch((error: unknown) => {
      client.end(responseOf(asRefused(error)));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", () => done()));
  const { port } = server.address() as AddressInfo;
  return {
    enter(terms) {
      const passage = openPassage(terms, port, () => passages.delete(passage.id));
      passages.set(passage.id, passage);
      return passage;
    },
    close: async () => {
      for (const passage of passages.values()) passage.close();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** What each request is brought before. */
interface Gate {
  /** Throws `Refused` for what no run sent. */
  passageOf(request: IncomingMessage): OpenPassage;
  /** Connects a passage to where it wants to go; throws `Refused`, with what the run is told. */
  connectTo(passage: OpenPassage, address: string): Promise<Socket>;
}

async function tunnel(
  gate: Gate,
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<void> {
  const passage = gate.passageOf(request);
  const authority = request.url ?? "";
  if (!/^[^\s/?#@]+:\d+$/.test(authority)) throw new Refused(400, "CONNECT names host:port.");
  const outside = await gate.connectTo(passage, `https://${authority}`);
  if (client.destroyed) return void outside.destroy();
  passage.hold(client);
  outside.on("error", () => client.destroy());
  // What it has sent is still on its way to the run.
  outside.once("close", () => client.end());
  client.once("close", () => outside.destroy());
  client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
  if (head.length > 0) outside.write(head);
  outside.pipe(client).pipe(outside);
  outside.on("data", passage.count);
}

async function forward(
  gate: Gate,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const passage = gate.passageOf(request);
  const text = request.url ?? "";
  if (!text.startsWith("http://")) throw new Refused(400, "A proxy is asked for http://host/….");
  const outside = await gate.connectTo(passage, text);
  passage.hold(request.socket);
  await exchange(request, response, { outside, url: new URL(text), passage });
}

/** What a run is told instead of an answer. */
class Refused extends Error {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

/** The passage whose credential a request shows (RFC 7617); a client that shows none is asked for it. */
function passageOf(
  { headers }: IncomingMessage,
  passages: ReadonlyMap<string, OpenPassage>,
): OpenPassage {
  const [, given = ""] = /^Basic (\S+)$/i.exec(headers["proxy-authorization"] ?? "") ?? [];
  const [id = "", ...secret] = Buffer.from(given, "base64").toString("utf8").split(":");
  const passage = passages.get(id);
  if (!passage || !sameDigest(sha256(secret.join(":")), passage.secretHash)) {
    throw new Refused(407, "Name the run and its secret.");
  }
  if (passage.stopped.aborted) throw new Refused(403, (passage.stopped.reason as Error).message);
  return passage;
}

/** Decides what a failed connection means for the whole run, and what the run is told. */
function refusedBy(error: unknown, passage: OpenPassage): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof OutboundRefused) {
    passage.stop("forbidden", error.message);
    return new Refused(403, error.message);
  }
  if (error instanceof DialFailed && error.fault !== "target") {
    passage.stop(error.fault, error.message);
    return new Refused(502, error.message);
  }
  const known = error instanceof DialFailed || error instanceof Unresolved;
  const reason = known ? error.message : "The host cannot be asked.";
  passage.note(reason);
  return new Refused(502, reason);
}

/** Hands a plain request on over `outside`, and its answer back. */
function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  { outside, url, passage }: { outside: Socket; url: URL; passage: OpenPassage },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onward = requestHttp({
      createConnection: () => outside,
      method: request.method,
      path: url.pathname + url.search,
      headers: { ...kept(request), host: url.host, connection: "close" },
    });
    onward.once("error", (error: NodeJS.ErrnoException) => {
      outside.destroy();
      reject(new Refused(502, `The host broke off: ${error.code ?? error.message}.`));
    });
    onward.once("response", (answer) => {
      // An answer that ends too early must end too early for the run as well.
      answer.once("aborted", () => response.destroy());
      answer.on("error", () => response.destroy());
      const status = answer.statusCode ?? 0;
      if (status < 200) {
        outside.destroy();
        reject(new Refused(502, "The host answered what is no HTTP."));
        return;
      }
      // Its phrase stays behind: it may hold what cannot be said, or what somebody would be misled by.
      response.writeHead(status, kept(answer));
      answer.pipe(response);
      answer.on("data", passage.count);
      passage.hear(status, answer.headers["retry-after"]);
      response.once("close", () => {
        outside.destroy();
        resolve();
      });
    });
    response.once("close", () => outside.destroy());
    request.pipe(onward);
  });
}

/** The headers that belong to the message. */
function kept({ headers }: IncomingMessage): NodeJS.Dict<string | string[]> {
  const named = new Set((headers.connection ?? "").toLowerCase().split(/\s*,\s*/));
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name)),
  );
}

function asRefused(error: unknown): Refused {
  return error instanceof Refused ? error : new Refused(502, "The host cannot be asked.");
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  407: "Proxy Authentication Required",
  502: "Bad Gateway",
};

function challengeOf({ status }: Refused): Record<string, string> {
  return status === 407 ? { "proxy-authenticate": 'Basic realm="run"' } : {};
}

function refuse(response: ServerResponse, refused: Refused): void {
  if (response.headersSent) return void response.destroy();
  const headers = { "content-type": "text/plain; charset=utf-8", ...challengeOf(refused) };
  response.writeHead(refused.status, headers).end(`${refused.message}\n`);
}

function responseOf(refused: Refused): string {
  const headers = Object.entries({ ...challengeOf(refused), "content-length": "0" });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `HTTP/1.1 ${refused.status} ${REASONS[refused.status]}\r\n${lines}\r\n`;
}
