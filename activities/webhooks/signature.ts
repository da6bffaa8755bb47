import { createHmac } from "node:crypto";

const PREFIX = "whsec_";

/** The message that is signed: `id` is the same in every try, `sentAt` (epoch milliseconds) is not. */
export interface Message {
  id: string;
  sentAt: number;
  body: string;
}

/** The headers of a signed message, one signature for each secret (Standard Webhooks 1.0.0, HMAC-SHA256). */
export function signedHeaders(
  { id, sentAt, body }: Message,
  secrets: readonly string[],
): Record<string, string> {
  const seconds = Math.floor(sentAt / 1000);
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), "base64");
    return `v1,${createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64")}`;
  });
  return {
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": signatures.join(" "),
  };
}
