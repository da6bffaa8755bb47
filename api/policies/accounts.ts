import { type Actor, type Permission, permitsBy } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import {
  type Account,
  type ApiKey,
  findLiveApiKey,
  findSignedIn,
  grantsOf,
  noTeam,
  permissionsOf,
  teamOf,
  type TeamSeen,
  totpOn,
  touchApiKey,
} from "../../models/accounts.ts";
import type { Database } from "../../models/database.ts";
import { createAccessTokens } from "../../platform/access-tokens.ts";
import { sameDigest, secretPrefix, sha256 } from "../../platform/crypto.ts";
import type { Env } from "../../platform/env.ts";
import type { Authenticate } from "../middleware/sign-in.ts";

/**
 * Who a token or key speaks for. A signature is checked once, but whether the session, the key and the account
 * still stand is asked of the database every time: what was ended is ended at once, in every process.
 */
export function createAuthenticator({
  database,
  secretKey,
  env,
}: {
  database: Database;
  secretKey: string;
  env: Pick<Env, "ADMIN_TOTP_REQUIRED">;
}): Authenticate {
  const accessTokens = createAccessTokens(secretKey);

  async function bearerOf(token: string): Promise<Actor> {
    if (secretPrefix("refresh", token)) throw notSignedIn("Invalid token type");
    const claims = await accessTokens.verify(token);
    const account = claims && (await findSignedIn(database, claims));
    if (!account) throw notSignedIn("Could not validate credentials");
    const lacksTotp = needsTotp(env, account) && !(await totpOn(account.id));
    const permissions = lacksTotp ? [] : await permissionsOf(account.role);
    const actor = { ...actorOf(account), permissions, sessionId: claims.sessionId };
    return lacksTotp ? { ...actor, lacksTotp } : actor;
  }

  async function keyHolder(secret: string): Promise<Actor> {
    const prefix = secretPrefix("key", secret);
    const found = prefix && (await findLiveApiKey({ prefix }));
    if (!found || !sameDigest(found.key.hash, sha256(secret))) {
      throw refusal("accounts/api-key-invalid", "Invalid API Key");
    }
    await touchApiKey(database, found.key);
    return programOf(found);
  }

  return async ({ bearer, apiKey }) => {
    if (bearer) return bearerOf(bearer);
    if (apiKey) return keyHolder(apiKey);
    throw notSignedIn("Not authenticated");
  };
}

/**
 * Somebody who signed in a while ago, as they stand now. Refuses when their session, their key or their account has ended
 * since; a token that merely grew old is no end.
 */
export async function assertStanding(
  { database }: { database: Database },
  actor: Actor,
): Promise<Actor> {
  const { accountId, keyId, sessionId } = actor;
  if (keyId) {
    const found = await findLiveApiKey({ id: keyId });
    if (found) return programOf(found);
  } else if (sessionId) {
    const account = await findSignedIn(database, { accountId, sessionId });
    if (account) return { ...actor, permissions: await permissionsOf(account.role) };
  }
  throw notSignedIn("You are signed out. Sign in and ask again.");
}

/** What a key may do: what it was made for, as far as its account may do it too. */
async function programOf({ key, account }: { key: ApiKey; account: Account }): Promise<Actor> {
  const permissions = await permissionsOf(account.role);
  const held = (some: Permission[]) => permissions.filter((one) => some.includes(one));
  const grants = key.isRestricted ? await grantsOf([key.id]) : undefined;
  const packages = grants?.map(({ packageId, rights }) => [packageId, held(permitsBy(rights))]);
  return {
    accountId: account.id,
    name: keyName(key),
    permissions: held(key.scopes),
    keyId: key.id,
    ...(packages && { packages: Object.fromEntries(packages) }),
  };
}

/** Whether this account must have a second proof to do what its role permits. */
export function needsTotp(
  env: Pick<Env, "ADMIN_TOTP_REQUIRED">,
  { role }: Pick<Account, "role">,
): boolean {
  return env.ADMIN_TOTP_REQUIRED && role === "admin";
}

/** Who an account is, for the audit. */
export function actorOf({
  id,
  username,
}: Pick<Account, "id" | "username">): Pick<Actor, "accountId" | "name"> {
  return { accountId: id, name: username };
}

/** A team that this actor is in, and their place in it; to everybody else it looks as if there were none. */
export async function findTeam({ accountId }: Actor, id: string): Promise<TeamSeen> {
  const found = await teamOf(accountId, id);
  if (!found) throw noTeam();
  return found;
}

/** Refuses programs: a key that could make keys, or change its person, would outlive its own end. */
export function assertPerson(actor: Actor): void {
  if (actor.keyId) {
    throw refusal("accounts/not-allowed", "API keys may not do this: sign in first.");
  }
}

function keyName({ prefix, lastFour }: ApiKey): string {
  return `key ${prefix}…${lastFour}`;
}

function notSignedIn(message: string): Error {
  return refusal("accounts/not-signed-in", message);
}
