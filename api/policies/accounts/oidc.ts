import { refusal } from "../../../domain/errors.ts";
import { openOidcState, type OidcNamed, takeOidcState } from "../../../models/accounts.ts";
import { deriveKey, makeSecret, seal, sha256, unseal } from "../../../platform/crypto.ts";
import {
  OidcFailure,
  type OidcPerson,
  type OidcReturn,
  type OidcSecrets,
} from "../../../platform/federation/index.ts";
import type { Services } from "../../services.ts";
import { limitSignInStarts } from "./limits.ts";

/** What a provider led back with, and what shows who began. */
export interface Returned extends OidcReturn {
  loginToken: string;
}

/** The way to the provider; refuses when there is none, so that nothing is promised. */
function assertOidc({ federation }: Pick<Services, "federation">) {
  if (federation.oidc) return federation.oidc;
  const message = "Nobody signs in by OpenID on this platform: see OIDC_ISSUER.";
  throw refusal("accounts/oidc-not-configured", message);
}

/** Begins a sign-in: where to lead people, and what its return is taken with. */
export async function beginOidc(services: Services, caller: string) {
  const oidc = assertOidc(services);
  await limitSignInStarts(services, caller);
  const { address, ...secrets } = await told(services, oidc.begin());
  const { secret, hash } = makeSecret("login");
  const key = deriveKey(services.secretKey, "columns");
  const sealed = seal(key, JSON.stringify(secrets), placeOf(hash));
  await openOidcState(services.database, { hash, sealed });
  return { address, loginToken: secret };
}

/** Whom somebody's return stands for, by the provider's word. */
export async function identifyByOidc(
  services: Services,
  { loginToken, ...returned }: Returned,
): Promise<{ person: OidcPerson; named: OidcNamed }> {
  const oidc = assertOidc(services);
  const hash = sha256(loginToken);
  const sealed = await takeOidcState(services.database, hash);
  if (sealed === undefined) {
    const message = "This sign-in is over, or was begun elsewhere. Begin it again.";
    throw refusal("accounts/oidc-session-ended", message);
  }
  const key = deriveKey(services.secretKey, "columns");
  const secrets = JSON.parse(unseal(key, sealed, placeOf(hash))) as OidcSecrets;
  const person = await told(services, oidc.identify(returned, secrets));
  const { issuer, subject } = person;
  return { person, named: { hash: sha256(JSON.stringify([issuer, subject])), issuer, subject } };
}

async function told<T>({ log }: Pick<Services, "log">, asking: Promise<T>): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    if (!(error instanceof OidcFailure)) throw error;
    log.warn({ reason: error.message, cause: reasonOf(error) }, "the OpenID provider said no");
    throw error.isAway
      ? refusal("accounts/oidc-away", "The OpenID provider gives no answer. Try again in a moment.")
      : refusal("accounts/oidc-refused", "The OpenID provider did not confirm who you are.");
  }
}

/** What the provider said, and nothing of what it was told. */
function reasonOf({ cause }: OidcFailure): unknown {
  const { code, error, error_description } = (cause ?? {}) as Record<string, unknown>;
  return { code, error, description: error_description };
}

function placeOf(hash: string): string {
  return `oidc_states.sealed/${hash}`;
}
