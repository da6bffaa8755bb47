import { refusal } from "../../../domain/errors.ts";
import {
  accountOf,
  consumeRefreshToken,
  findLogin,
  type Refreshed,
  rehashPassword,
  signOut,
} from "../../../models/accounts.ts";
import { makeSecret, secretPrefix, sha256 } from "../../../platform/crypto.ts";
import { limitGuesses } from "../../policies/accounts/limits.ts";
import { route } from "../../route.ts";
import { bearerTokens, startSession } from "../../sessions.ts";
import { Done, LoginBody, LoginOut, RefreshBody, RefreshOut } from "../../schemas/accounts.ts";
import type { Services } from "../../services.ts";

export const signIn = route({
  method: "post",
  path: "/api/v1/auth/login",
  summary: "Sign in with a user name, phone number or e-mail address and a password",
  access: "public",
  secret: true,
  body: LoginBody,
  returns: [200, LoginOut],
  async handle(call) {
    const { body, services, address } = call;
    const { database, passwords } = services;
    const guesses = limitGuesses(services, "sign-in", address);
    const login = await findLogin(database, body.username);
    const right = await passwords.verify(login?.passwordHash, body.password, guesses.admit);
    const known = login && right ? await accountOf(login) : undefined;
    const signedIn = known && (await startSession(call, known, body));
    if (!known || !signedIn) {
      await guesses.countFailure();
      throw refusal("accounts/bad-credentials", "Incorrect email or password");
    }
    if (passwords.isOutdated(known.passwordHash)) {
      await rehashPassword(database, known, await passwords.hash(body.password));
    }
    return signedIn;
  },
});

/** The sentences of the client contract. */
const NOT_REFRESHED: Record<Exclude<Refreshed["outcome"], "refreshed">, string> = {
  unknown: "Refresh token not found",
  reused: "Invalid refresh token",
  ended: "Invalid refresh token",
  expired: "Refresh token expired",
  inactive: "User not found or inactive",
};

export const refreshSignIn = route({
  method: "post",
  path: "/api/v1/auth/refresh",
  summary: "Trade a refresh token for new tokens; it is good for one use",
  access: "public",
  secret: true,
  body: RefreshBody,
  returns: [200, RefreshOut],
  async handle({ body, services, address }) {
    const guesses = limitGuesses(services, "tokens", address);
    return guesses.around(() => refresh(services, body.refresh_token));
  },
});

async function refresh(services: Services, given: string) {
  if (!secretPrefix("refresh", given)) {
    const isJwt = /^[\w-]+\.[\w-]+\.[\w-]*$/.test(given);
    const message = isJwt ? "Invalid token type" : "Invalid refresh token";
    throw refusal("accounts/refresh-invalid", message);
  }
  const next = makeSecret("refresh");
  const refreshed = await consumeRefreshToken(services.database, {
    hash: sha256(given),
    nextHash: next.hash,
  });
  if (refreshed.outcome !== "refreshed") {
    throw refusal("accounts/refresh-invalid", NOT_REFRESHED[refreshed.outcome]);
  }
  return bearerTokens(services, refreshed.session, next.secret);
}

export const endSignIn = route({
  method: "post",
  path: "/api/v1/auth/logout",
  summary: "Sign out: the session and all its tokens end at once",
  access: "public",
  body: RefreshBody,
  returns: [200, Done],
  async handle({ body, services, address, requestId }) {
    const hash = sha256(body.refresh_token);
    await limitGuesses(services, "tokens", address).around(async () => {
      if (await signOut(services.database, hash, { address, requestId })) return;
      throw refusal("accounts/refresh-not-found", "Refresh token not found");
    });
    return { message: "Successfully logged out", success: true as const };
  },
});
