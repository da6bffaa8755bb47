import type { Duplex } from "node:stream";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";

/** A frame as a client reads it. */
export interface Heard {
  event: string;
  seq: number;
  data: Record<string, unknown>;
}

/** A client on a socket that remembers what it hears. */
export interface Listening {
  socket: WebSocket;
  /** All frames so far, parsed. */
  heard: Heard[];
  /** How it was closed, once it was. */
  closed: Promise<{ code: number; words: string }>;
  /** Settles when so many frames were heard. */
  until(count: number): Promise<Heard[]>;
  say(message: object | string): void;
  /** Sends these bytes past all rules of the protocol. */
  write(bytes: number[]): void;
}

/** Opens a socket and listens from its first frame on; closed with the test. */
export function listenOn(
  address: string,
  path: string,
  given: { headers?: Record<string, string>; protocols?: string[] } = {},
): Listening {
  const url = new URL(path, address.replace(/^http/, "ws"));
  const { headers = {}, protocols = [] } = given;
  const socket = new WebSocket(url, protocols, { headers });
  onTestFinished(() => socket.terminate());
  const heard: Heard[] = [];
  socket.on("message", (text: Buffer) => heard.push(JSON.parse(text.toString()) as Heard));
  socket.on("error", () => undefined);
  let stream: Duplex | undefined;
  socket.on("upgrade", (answer) => (stream = answer.socket));
  const closed = new Promise<{ code: number; words: string }>((resolve) => {
    socket.on("close", (code, words) => resolve({ code, words: words.toString() }));
  });
  const until = async (count: number) => {
    while (heard.length < count) {
      await Promise.race([new Promise((resolve) => socket.once("message", resolve)), closed]);
      if (socket.readyState === WebSocket.CLOSED && heard.length < count) {
        throw new Error(`closed after ${heard.length} of ${count} frames`);
      }
    }
    return heard;
  };
  const say = (message: object | string) =>
    socket.send(typeof message === "string" ? message : JSON.stringify(message));
  const write = (bytes: number[]) => stream?.write(Buffer.from(bytes));
  return { socket, heard, closed, until, say, write };
}

/** What a handshake was refused with. */
export function refusedOn(
  address: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: unknown }> {
  const socket = new WebSocket(new URL(path, address.replace(/^http/, "ws")), { headers });
  socket.on("error", () => undefined);
  return new Promise((resolve, reject) => {
    socket.on("open", () => reject(new Error("it was let in")));
    socket.on("unexpected-response", (_, response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () =>
        resolve({ status: response.statusCode!, body: JSON.parse(text) as unknown }),
      );
    });
  });
}
