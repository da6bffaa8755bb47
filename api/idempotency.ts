import { createHash } from "node:crypto";
import type { Logger } from "pino";
import { type Issue, refusal } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Database } from "../models/database.ts";
import {
  claimIdempotencyKey,
  finishIdempotencyKey,
  forgetIdempotencyKey,
  type IdempotencyClaim,
  type IdempotentCall,
  renewIdempotencyKey,
} from "../models/operations.ts";
import type { Outcome } from "./answers.ts";
import type { Context } from "./context.ts";
import type { Route } from "./route.ts";

/** A third of the lease of a claim: two renewals may fail. */
const RENEW_MS = 20_000;

/** True for the routes that honour an Idempotency-Key: each POST whose answer may be kept. */
export function isRepeatable({ method, secret, returns, access }: Route): boolean {
  return method === "post" && !secret && Array.isArray(returns) && access !== "public";
}

/** What makes this call the same as another: who, what, and the client's key. Undefined when there is no key. */
export function idempotentCall(
  ctx: Context,
  route: Route,
  issues: Issue[],
): IdempotentCall | undefined {
  const key = ctx.get("Idempotency-Key");
  const { actor, found } = ctx.state;
  if (!key || !actor || !isRepeatable(route)) return undefined;
  if (key.length > LIMITS.idempotencyKeyCharacters || !/^[\x20-\x7e]+$/.test(key)) {
    const message = `must be at most ${LIMITS.idempotencyKeyCharacters} visible ASCII characters`;
    issues.push({ path: "Idempotency-Key", in: "header", message });
  }
  // A key for single packages must not be answered with what its owner did to others.
  const who = actor.packages ? actor.keyId! : actor.accountId;
  return { accountId: who, operation: found.operationId!, key };
}

/** The same for the same content, whatever the order of its keys. */
export function fingerprintOf(content: unknown): string {
  const canonical = JSON.stringify(content, (_, value: unknown) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash("sha256").update(canonical).digest("hex");
}

/** Where keys are kept, and what to compare the request by; a form is only known after it came. */
interface Keeping {
  database: Database;
  log: Logger;
  fingerprint: () => Promise<string>;
}

/**
 * Does `work` once per call: a repeat gets the outcome that was kept (draft-ietf-httpapi-idempotency-key-header).
 * Refuses while the first is at work, and when the same key comes with another request. What failed is forgotten,
 * so that it can be tried again.
 */
export async function doOnce(
  call: IdempotentCall,
  { database, log, fingerprint }: Keeping,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  const claimed = await claimIdempotencyKey(database, call);
  if (claimed.outcome === "in-flight") {
    throw refusal(
      "operations/idempotency-in-flight",
      "The first request with this Idempotency-Key is still being answered.",
      { headers: { "Retry-After": "1" } },
    );
  }
  if (claimed.outcome === "done") {
    if ((await fingerprint()) !== claimed.fingerprint) {
      throw refusal(
        "operations/idempotency-mismatch",
        "This Idempotency-Key was used for another request. Take a new one.",
      );
    }
    const { status, headers, body } = claimed;
    return { status, headers: { ...headers, "Idempotency-Replayed": "true" }, body: body || null };
  }

  const { claim } = claimed;
  const outcome = await underClaim(claim, { database, log, fingerprint }, work);
  try {
    const kept = { ...outcome, body: outcome.body ?? "", fingerprint: await fingerprint() };
    if (await finishIdempotencyKey(database, claim, kept)) return outcome;
    log.warn({ operation: call.operation }, "an idempotency key passed to another request");
  } catch (error) {
    // The work is done, and the client is owed its outcome more than the next one a replay.
    log.error({ err: error, operation: call.operation }, "an outcome was not kept");
  }
  return outcome;
}

async function underClaim(
  claim: IdempotencyClaim,
  { database, log }: Keeping,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  const tell = (error: unknown) =>
    log.warn({ err: error }, "an idempotency key is left to its lease");
  const renewal = setInterval(() => {
    renewIdempotencyKey(database, claim).catch(tell);
  }, RENEW_MS);
  try {
    return await work();
  } catch (error) {
    await forgetIdempotencyKey(database, claim).catch(tell);
    throw error;
  } finally {
    clearInterval(renewal);
  }
}
