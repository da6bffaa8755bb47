import type { z } from "zod";
import { type Account, openSession } from "../models/accounts.ts";
import { createAccessTokens } from "../platform/access-tokens.ts";
import { makeSecret, newId } from "../platform/crypto.ts";
import { balanceFen } from "./balance.ts";
import { actorOf } from "./policies/accounts.ts";
import { assertSecondProof } from "./policies/accounts/second-proof.ts";
import type { Call } from "./route.ts";
import { type LoginOut, presentUser, type RefreshOut } from "./schemas/accounts.ts";
import type { Services } from "./services.ts";

/** What a route hands on of its call for a session to begin. */
export type SignInCall = Pick<
  Call<unknown, unknown, unknown, unknown, "public">,
  "services" | "address" | "requestId" | "requestHeader"
>;

/**
 * Opens a session of the account for whoever has just proven to be its holder, by whatever proof; answers its tokens.
 * Where the account
 * has a second proof it must be in `second`, or have been given before: else `auth/totp-required` is refused.
 * Undefined when the account was switched off or got a new password since it was read: then nobody is signed in.
 */
export async function startSession(
  call: SignInCall,
  account: Account,
  second: { totp?: string | undefined } | "given" = {},
): Promise<z.input<typeof LoginOut> | undefined> {
  if (second !== "given") await assertSecondProof(call, account, second.totp);
  const { services, address, requestId, requestHeader } = call;
  const { database, env } = services;
  const refresh = makeSecret("refresh");
  const expiresAt = new Date(Date.now() + env.REFRESH_TTL * 1000);
  const userAgent = (requestHeader("user-agent") ?? "").slice(0, 255);
  const session = { id: newId(), refreshHash: refresh.hash, userAgent, expiresAt };
  const origin = { actor: actorOf(account), address, requestId };
  const signedIn = await openSession(database, account, session, origin);
  if (!signedIn) return undefined;
  const { id } = session;
  const tokens = await bearerTokens(
    services,
    { id, accountId: account.id, expiresAt },
    refresh.secret,
  );
  return { user: presentUser(signedIn, await balanceFen(signedIn)), ...tokens };
}

/** The tokens of a session as the client gets them; the access token never outlives the session. */
export async function bearerTokens(
  { secretKey, env }: Pick<Services, "secretKey" | "env">,
  session: { id: string; accountId: string; expiresAt: Date },
  refreshToken: string,
): Promise<z.input<typeof RefreshOut>> {
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
