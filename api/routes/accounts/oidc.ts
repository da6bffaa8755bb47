import { randomBytes } from "node:crypto";
import { refusal } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import {
  Account,
  findByOidc,
  linkOidc,
  linkWithin,
  type OidcHindered,
  type OidcNamed,
  register,
  unlinkOidc,
} from "../../../models/accounts.ts";
import { isTaken } from "../../../models/database.ts";
import { newId } from "../../../platform/crypto.ts";
import type { OidcPerson } from "../../../platform/federation/index.ts";
import { actorOf, assertPerson } from "../../policies/accounts.ts";
import { limitGuesses, limitRegistrations } from "../../policies/accounts/limits.ts";
import { beginOidc, identifyByOidc } from "../../policies/accounts/oidc.ts";
import { route } from "../../route.ts";
import { Done, LoginOut } from "../../schemas/accounts.ts";
import { OidcReturnBody, OidcStartOut } from "../../schemas/accounts/oidc.ts";
import { type SignInCall, startSession } from "../../sessions.ts";

export const beginOidcSignIn = route({
  method: "post",
  path: "/api/v1/auth/oidc/start",
  summary:
    "Begin a sign-in by the OpenID provider: where to lead people, and what to keep until then",
  access: "public",
  secret: true,
  returns: [200, OidcStartOut],
  async handle({ services, address: caller }) {
    const { address, loginToken } = await beginOidc(services, caller);
    return {
      authorization_url: address,
      login_token: loginToken,
      expires_in: LIMITS.oidcSeconds,
    };
  },
});

export const finishOidcSignIn = route({
  method: "post",
  path: "/api/v1/auth/oidc/callback",
  summary: "Sign in by what the OpenID provider led back with; whoever is unknown is registered",
  access: "public",
  secret: true,
  body: OidcReturnBody,
  returns: [200, LoginOut],
  async handle(call) {
    const { body, services, address } = call;
    const { person, named } = await limitGuesses(services, "tokens", address).around(() =>
      identifyByOidc(services, { ...body, loginToken: body.login_token }),
    );
    const identity = await findByOidc(named.hash);
    const account = identity
      ? await Account.findByPk(identity.accountId)
      : await meet(call, person, named);
    const signedIn = account?.isActive ? await startSession(call, account) : undefined;
    if (!signedIn) throw refusal("accounts/bad-credentials", "This account is closed.");
    return signedIn;
  },
});

export const linkOwnOidc = route({
  method: "post",
  path: "/api/v1/auth/oidc/link",
  summary: "Link an OpenID to your account, by what its provider led back with",
  access: "signed-in",
  body: OidcReturnBody,
  returns: [200, Done],
  async handle({ actor, body, services, address, requestId }) {
    assertPerson(actor);
    const { named } = await limitGuesses(services, "tokens", address).around(() =>
      identifyByOidc(services, { ...body, loginToken: body.login_token }),
    );
    const origin = { actor, address, requestId };
    const hindered = await linkOidc(services.database, actor.accountId, named, origin);
    if (hindered) throw notLinked(hindered);
    return { message: "OpenID linked", success: true as const };
  },
});

export const unlinkOwnOidc = route({
  method: "delete",
  path: "/api/v1/auth/oidc/link",
  summary: "Take the OpenID from your account",
  access: "signed-in",
  returns: [200, Done],
  async handle({ actor, services, address, requestId }) {
    assertPerson(actor);
    const origin = { actor, address, requestId };
    if (!(await unlinkOidc(services.database, actor.accountId, origin))) {
      throw refusal("accounts/oidc-none", "No OpenID is linked to your account.");
    }
    return { message: "OpenID unlinked", success: true as const };
  },
});

/**
 * The account of a person who comes for the first time: the one whose address both sides have verified, else a new one.
 * An address that somebody here only claims is nobody's to give.
 */
async function meet(
  call: SignInCall,
  { verifiedEmail: email, username }: OidcPerson,
  named: OidcNamed,
): Promise<Account> {
  const { services, address, requestId } = call;
  const { database, passwords } = services;
  const holder = email === null ? null : await Account.findOne({ where: { email } });
  if (holder?.emailVerifiedAt) {
    const origin = { actor: actorOf(holder), address, requestId };
    const hindered = await linkOidc(database, holder.id, named, origin);
    if (hindered) throw notLinked(hindered);
    return holder;
  }
  await limitRegistrations(services, address);
  const id = newId();
  const person = {
    id,
    username: nameFor(id, username ?? email?.split("@")[0]),
    // Nobody knows it: whoever wants a password sets one by a code to the address.
    passwordHash: await passwords.hash(randomBytes(32).toString("base64url")),
    welcomeFen: services.env.WELCOME_CREDIT_FEN,
  };
  const registering = register(
    database,
    email === null ? person : { ...person, email, emailVerifiedAt: new Date() },
    undefined,
    { address, requestId },
    async (account, transaction) => {
      await linkWithin(account.id, named, transaction);
      const { issuer, subject } = named;
      return { action: "accounts.oidc-linked", after: { issuer, subject } };
    },
  );
  const made = await registering.catch((error: unknown) => {
    if (!isTaken(error)) throw error;
  });
  if (made && !("taken" in made)) return made.account;
  // Who comes twice at the same moment for the first time is the one person that the other sign-in has registered.
  const twin = await findByOidc(named.hash);
  if (twin) return Account.findByPk(twin.accountId, { rejectOnEmpty: true });
  const message = "Somebody here claims your address. Confirm it there, or try again in a day.";
  throw refusal("accounts/oidc-email-claimed", message);
}

/** A name that nobody else has: what the provider calls them, and the end of the account's own id. */
function nameFor(id: string, wanted = "user"): string {
  const letters = wanted.replaceAll(/\W/g, "").slice(0, 36) || "user";
  return `${letters}_${id.slice(-12)}`;
}

function notLinked(hindered: OidcHindered): Error {
  return hindered === "taken"
    ? refusal("accounts/oidc-taken", "This OpenID is linked to another account.")
    : refusal("accounts/oidc-other", "Another OpenID is linked to this account. Unlink it first.");
}
