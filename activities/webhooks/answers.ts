import type { OutboundAnswer } from "../../platform/outbound.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { TryResult } from "./contract.ts";

const REASON_CHARACTERS = 300;
/** What may say when to come again (RFC 9110 §10.2.3, RFC 6585 §4). */
const BUSY = new Set([429, 503]);

/** What a status means: any 2xx is a delivery, 410 the end of the webhook, all else a failure. */
export function judgeStatus(status: number): TryResult {
  if (status >= 200 && status < 300) return { outcome: "delivered" };
  if (status === 410) return { outcome: "gone", reason: "The address answered 410 Gone." };
  if (status >= 300 && status < 400) {
    return { outcome: "refused", reason: `The address answered ${status}: it redirects.` };
  }
  return { outcome: "refused", reason: `The address answered ${status}.` };
}

/** The seconds that a busy receiver asks to be left alone for, at `now` (epoch milliseconds). */
export function retryAfter(
  { status, headers }: Pick<OutboundAnswer, "status" | "headers">,
  now: number,
): number | undefined {
  const given = headers["retry-after"];
  if (!BUSY.has(status) || typeof given !== "string") return undefined;
  const seconds = /^\d+$/.test(given) ? Number(given) : (Date.parse(given) - now) / 1000;
  return seconds > 0 ? Math.ceil(seconds) : undefined;
}

/** Why there was no answer, in a sentence. */
export function failureReason(error: unknown): string {
  const { name, code, message } = error as Error & { code?: string };
  if (name === "TimeoutError") {
    return `The address did not answer within ${LIMITS.webhookTimeoutSeconds} seconds.`;
  }
  if (name === "OutboundRefused") return message;
  return `The address cannot be reached: ${code ?? message}`.slice(0, REASON_CHARACTERS);
}
