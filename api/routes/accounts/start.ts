import type { z } from "zod";
import { type Account, openSession } from "../../../models/accounts.ts";
import { createAccessTokens } from "../../../platform/access-tokens.ts";
import { makeSecret, newId } from "../../../platform/crypto.ts";
import { actorOf } from "../../policies/accounts.ts";
import { presentUser, type UserOut } from "../../schemas/accounts.ts";
import type { Services } from "../../services.ts";

/** What a session begins with, of the call that proved who asks. */
interface Proven {
  services: Services;
  address: string;
  requestId: string;
  requestHeader: (name: string) => string | undefined;
}

/**
 * Signs in whoever proved to be `account`, by whatever proof. Undefined when the account was switched off or got a new
 * password since it was read: then nobody is signed in.
 */
export async function startSession(
  { services, address, requestId, requestHeader }: Proven,
  account: Account,
) {
  const session = { id: newId(), accountId: account.id };
  const refresh = makeSecret("refresh");
  const expiresAt = new Date(Date.now() + services.env.REFRESH_TTL * 1000);
  const userAgent = (requestHeader("user-agent") ?? "").slice(0, 255);
  const opened = await openSession(
    services.database,
    account,
    { id: session.id, refreshHash: refresh.hash, userAgent, expiresAt },
    { actor: actorOf(account), address, requestId },
  );
  if (!opened) return undefined;
  const tokens = await bearerTokens(services, { ...session, expiresAt }, refresh.secret);
  return { account: opened, tokens };
}

/** The tokens of a session as clients get them. */
export async function bearerTokens(
  { secretKey, env }: Services,
  session: { id: string; accountId: string; expiresAt: Date },
  refreshToken: string,
) {
  const secondsLeft = Math.ceil((session.expiresAt.getTime() - Date.now()) / 1000);
  const ttlSeconds = Math.min(env.ACCESS_TTL, secondsLeft);
  const claims = { accountId: session.accountId, sessionId: session.id };
  return {
    access_token: await createAccessTokens(secretKey).issue(claims, ttlSeconds),
    refresh_token: refreshToken,
    token_type: "bearer" as const,
    expires_in: ttlSeconds,
  };
}

/** An account as its owner is shown it at sign-in. */
export async function showUser(account: Account): Promise<z.input<typeof UserOut>> {
  return presentUser(account);
}
