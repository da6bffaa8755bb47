import type { IncomingMessage, ServerResponse } from "node:http";
import cors from "@koa/cors";
import helmet from "helmet";
import type { Middleware } from "../context.ts";

/** Says to browsers what they may do with our answers. Pages that show something set a policy of their own. */
export function secureHeaders(publicUrl: string): Readonly<Record<string, string>> {
  const set = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    // Other names of the domain may serve plain HTTP: that is not ours to forbid.
    strictTransportSecurity: publicUrl.startsWith("https:") && { includeSubDomains: false },
    xFrameOptions: { action: "deny" },
  });
  // They are the same for every answer: found once.
  const headers: Record<string, string> = {};
  const sample = {
    setHeader: (name: string, value: string) => void (headers[name] = value),
    removeHeader: () => undefined,
  };
  set({} as IncomingMessage, sample as unknown as ServerResponse, () => undefined);
  return headers;
}

/** Lets pages of these origins call the API; `*` is any page. Tokens come in headers, so no cookies are let through. */
export function allowOrigins(origins: readonly string[]): Middleware {
  if (origins.length === 0) return (_, next) => next();
  return cors({
    origin: (ctx) =>
      origins.includes("*") ? "*" : (origins.find((o) => o === ctx.get("Origin")) ?? ""),
    allowMethods: "GET,HEAD,POST,PUT,PATCH,DELETE",
    exposeHeaders: EXPOSED.join(","),
    maxAge: 3600,
  }) as Middleware;
}

const EXPOSED = [
  "Accept-Ranges",
  "Content-Digest",
  "Content-Disposition",
  "Content-Range",
  "Date",
  "ETag",
  "Idempotency-Replayed",
  "Location",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
  "Signature",
  "Signature-Input",
  "X-Request-ID",
];
