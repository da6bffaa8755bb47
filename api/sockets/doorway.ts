import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Env } from "../../platform/env.ts";
import type { Credentials } from "../middleware/sign-in.ts";

/** The subprotocol by which browsers, which can send no headers, show a token: `bearer, <token>`. */
export const BEARER_PROTOCOL = "bearer";

/**
 * Whether a page of this origin may open a socket: programs have none, pages of the platform itself and of
 * CORS_ORIGINS may. Tokens never come by themselves, as cookies do; this keeps other pages from trying all the same.
 */
export function mayCome(
  { headers: { origin, host } }: IncomingMessage,
  { publicUrl, CORS_ORIGINS }: Pick<Env, "publicUrl" | "CORS_ORIGINS">,
): boolean {
  if (origin === undefined) return true;
  if (CORS_ORIGINS.includes("*") || CORS_ORIGINS.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  return new URL(origin).host === host || new URL(origin).origin === new URL(publicUrl).origin;
}

/** What a client shows: a header, the subprotocol, or, where the contract has it so, `token` of the query. */
export function credentialsOf(
  { headers }: IncomingMessage,
  query: URLSearchParams | undefined,
): Credentials | undefined {
  const { authorization = "" } = headers;
  const given = /^(?:Bearer +)?(\S+)$/i.exec(authorization)?.[1];
  const bearer = given ?? protocolToken(headers["sec-websocket-protocol"]) ?? query?.get("token");
  if (bearer) return { bearer };
  const apiKey = headers["x-api-key"];
  return typeof apiKey === "string" ? { apiKey } : undefined;
}

function protocolToken(offered = ""): string | undefined {
  const words = offered.split(",").map((word) => word.trim());
  const place = words.findIndex((word) => word.toLowerCase() === BEARER_PROTOCOL);
  return place === -1 ? undefined : words[place + 1];
}

/** Answers a handshake with a "no" in the contract's words, and leaves. */
export function turnAway(socket: Duplex, status: number, message: string): void {
  const body = JSON.stringify({ code: status, message });
  socket.end(
    [
      `HTTP/1.1 ${status} ${REASONS[status] ?? "Refused"}`,
      "Connection: close",
      "Content-Type: application/json; charset=utf-8",
      "Cache-Control: no-store",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n"),
    () => socket.destroy(),
  );
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};
