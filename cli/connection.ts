import { type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { Refused, Unreachable, UsageFault } from "./endings.ts";

/** A body whose length is known before its first byte is read. */
export interface Outgoing {
  contentType: string;
  bytes: number;
  open: () => Readable;
}

/** What a request carries beside its method and path. */
export interface Asking {
  json?: object;
  body?: Outgoing;
  headers?: Record<string, string>;
}

/** The platform, as the command talks to it. Every "no" throws `Refused`, every silence `Unreachable`. */
export interface Connection {
  readonly address: string;
  /** True once anything answered there. */
  hasAnswered: () => boolean;
  ask<T>(method: "GET" | "POST", path: string, asking?: Asking): Promise<T>;
  readText(path: string): Promise<string>;
  /** Writes the answer's body as it comes, and ends the sink; throws when it did not come whole. */
  save(path: string, sink: Writable): Promise<void>;
}

type Question = [method: string, path: string, asking?: Asking];

/** A server or proxy that does not know `100 Continue` gets the body after this long. */
const CONTINUE_MS = 2000;
const SILENCE_MS = 120_000;

/** Talks to the platform at `address` with an API key. Redirects are not followed: the key goes nowhere else. */
export function openConnection(address: string, apiKey: string, signal: AbortSignal): Connection {
  let answered = false;
  const begin = async <T>(
    [method, path, asking = {}]: Question,
    take: (response: IncomingMessage) => Promise<T>,
  ) => {
    const payload = asking.json && Buffer.from(JSON.stringify(asking.json));
    const headers = {
      "X-API-Key": apiKey,
      Accept: "application/json, text/plain, */*;q=0.1",
      ...(payload && { "Content-Type": "application/json", "Content-Length": payload.length }),
      ...asking.headers,
    };
    try {
      const options = { method, headers, signal };
      const response = await send(new URL(address + path), options, payload ?? asking.body);
      answered = true;
      return await take(response);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof UsageFault || error instanceof Refused) throw error;
      throw new Unreachable(reasonOf(error), { cause: error });
    }
  };
  const receiveGood = (...question: Question) =>
    begin(question, async (response) => {
      const content = await text(response);
      if (!isGood(response)) throw refusedBy(response, content);
      return content;
    });
  return {
    address,
    hasAnswered: () => answered,
    async ask<T>(method: "GET" | "POST", path: string, asking?: Asking) {
      const answer = objectIn(await receiveGood(method, path, asking));
      if (!answer) throw new Unreachable("the answer is not from this platform");
      return answer as T;
    },
    readText: (path) => receiveGood("GET", path),
    save: (path, sink) =>
      begin(["GET", path], async (response) => {
        if (!isGood(response)) throw refusedBy(response, await text(response));
        await pipeline(response, sink);
      }),
  };
}

/** True for what may be gone in a moment: a lost connection, a busy or restarting platform, a first try still at work. */
export function isPassing(error: unknown): boolean {
  if (error instanceof Unreachable) return true;
  if (!(error instanceof Refused) || error.code === "packages/tools-missing") return false;
  return (
    [429, 502, 503, 504].includes(error.status) || error.code === "operations/idempotency-in-flight"
  );
}

function send(
  url: URL,
  options: RequestOptions,
  body: Buffer | Outgoing | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? requestHttps : requestHttp)(url, options);
    // An answer that came early may be followed by the error of what was still being sent.
    request.on("error", reject);
    request.setTimeout(SILENCE_MS, () => request.destroy(new Error("no answer for two minutes")));
    if (body === undefined || Buffer.isBuffer(body)) {
      request.once("response", resolve).end(body);
      return;
    }
    // With this the platform can say no before gigabytes are on their way.
    request.setHeader("Expect", "100-continue");
    request.setHeader("Content-Type", body.contentType);
    request.setHeader("Content-Length", body.bytes);
    let source: Readable | undefined;
    const pour = () => {
      clearTimeout(patience);
      if (source || request.destroyed) return;
      source = body.open().once("error", (error) => request.destroy(error));
      source.pipe(request);
    };
    const stopPouring = () => {
      clearTimeout(patience);
      source?.unpipe(request).destroy();
    };
    const patience = setTimeout(pour, CONTINUE_MS);
    request.once("continue", pour);
    request.once("close", stopPouring);
    request.once("response", (response) => {
      // An answer before the end of the body is a "no": what is left need not be sent.
      if (!request.writableFinished) {
        stopPouring();
        response.once("end", () => request.destroy());
      }
      resolve(response);
    });
    request.flushHeaders();
  });
}

function isGood({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

function refusedBy({ statusCode = 0, headers }: IncomingMessage, content: string): Refused {
  const retryAfter = Number(headers["retry-after"] ?? NaN);
  const seconds = Number.isFinite(retryAfter) ? retryAfter : undefined;
  return new Refused(statusCode, objectIn(content) ?? {}, seconds);
}

function objectIn(content: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(content);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || code || "the connection failed";
}
