import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

/** One request that came. */
export interface ReceivedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** An HTTP server on this machine; it ends with the test. */
export interface Receiver {
  /** `http://127.0.0.1:<port>` */
  address: string;
  port: number;
  received: ReceivedRequest[];
  /** Changes what the next requests are answered. */
  answer: (with_: Respond) => void;
}

/** Answers one request; `count` is 1 for the first that came. */
type Respond = (response: ServerResponse, request: ReceivedRequest, count: number) => void;

/** Answers with this status and these headers, and nothing else. */
export const status =
  (code: number, headers: Record<string, string> = {}): Respond =>
  (response) =>
    response.writeHead(code, headers).end();

/** Starts a server that remembers what it gets and answers 204 until told otherwise. */
export async function startReceiver(respond: Respond = status(204)): Promise<Receiver> {
  const received: ReceivedRequest[] = [];
  let answer = respond;
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { method = "", url: path = "", headers } = request;
      const one = { method, path, headers, body };
      received.push(one);
      return answer(response, one, received.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    port,
    received,
    answer: (next) => {
      answer = next;
    },
  };
}
