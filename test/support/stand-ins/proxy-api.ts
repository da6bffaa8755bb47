import { randomBytes } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { Upstream } from "../../../platform/egress/index.ts";

/** What the API answers: a proxy, or what stands in its place when it is not itself. */
export type ProxyApiAnswer =
  | { status: number; body?: unknown }
  /** Says nothing for so long, and then a proxy, as a busy provider does. */
  | { afterMs: number };

/** A provider's API on this machine, by which proxies are rented one by one. */
export interface ProxyApi {
  url: string;
  key: string;
  /** How often it was asked with the right key. */
  asked: number;
  /** Answers the next requests so, one each; then itself again. */
  instead(...answers: ProxyApiAnswer[]): void;
}

/** What a provider says of a proxy. */
export function rentalOf(upstream: Upstream, seconds = 3600) {
  const { host: ip, port, username: user, password } = upstream;
  const expiry = new Date(Date.now() + seconds * 1000).toISOString();
  return { ip, port, user, password, expiry };
}

/** Starts it on a free port; it ends with the test. Each request with its key is answered by the next of `proxies`. */
export async function startProxyApi(proxies: readonly Upstream[]): Promise<ProxyApi> {
  const key = randomBytes(16).toString("hex");
  let planned: ProxyApiAnswer[] = [];

  const answer = async (response: ServerResponse) => {
    const instead = planned.shift();
    if (instead && "status" in instead) return send(response, instead.status, instead.body);
    if (instead) await sleep(instead.afterMs);
    return send(response, 200, rentalOf(proxies[api.asked++ % proxies.length]!));
  };
  const server = createServer((request, response) => {
    if (request.headers.authorization !== `Bearer ${key}`) {
      return send(response, 401, { error: "unknown key" });
    }
    return void answer(response);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;

  const api: ProxyApi = {
    url: `http://127.0.0.1:${port}/get?num=1`,
    key,
    asked: 0,
    instead: (...answers) => void (planned = answers),
  };
  return api;
}

function send(response: ServerResponse, status: number, body: unknown = {}): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json" }).end(text);
}
