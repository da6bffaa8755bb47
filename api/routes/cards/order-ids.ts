import type { Actor } from "../../../domain/accounts.ts";
import type { Noun } from "../../../domain/ids.ts";
import { newId, sha256 } from "../../../platform/crypto.ts";

/**
 * The id of what is newly ordered. Under an Idempotency-Key it is always the same, so that what was ordered once stays
 * ordered once, whatever becomes of the answer that is kept.
 */
export function orderedId(
  noun: Extract<Noun, `card-${string}`>,
  call: { actor: Actor; requestHeader: (name: string) => string | undefined },
): string {
  const key = call.requestHeader("Idempotency-Key");
  if (!key) return newId();
  const digest = sha256(`${noun}\n${call.actor.accountId}\n${key}`);
  // A UUID of version 8: of whatever its maker likes (RFC 9562).
  const parts = [digest.slice(0, 8), digest.slice(8, 12), `8${digest.slice(13, 16)}`];
  return [...parts, `8${digest.slice(17, 20)}`, digest.slice(20, 32)].join("-");
}
