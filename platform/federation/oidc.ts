import * as client from "openid-client";
import type { OidcSettings } from "../env-federation.ts";
import type { OpenedHost } from "../outbound-rules.ts";
import { openOutbound, type Outbound } from "../outbound.ts";

/** Whom the provider says that somebody is: `subject` never changes and is unique to the issuer. */
export interface OidcPerson {
  issuer: string;
  subject: string;
  /** Only an address that the provider says it has verified, in lower case. */
  verifiedEmail: string | null;
  username: string | null;
}

/** What only the one who began a sign-in knows: it ends nowhere but in our own keeping. */
export interface OidcSecrets {
  state: string;
  nonce: string;
  verifier: string;
}

/** What the provider led back with. `iss` is there when it tells (RFC 9207). */
export interface OidcReturn {
  code: string;
  state: string;
  iss?: string | undefined;
}

/** The provider did not say who somebody is. */
export class OidcFailure extends Error {
  /** True when it gave no answer at all: then the same may succeed in a moment. */
  readonly isAway: boolean;

  constructor(reason: string, { isAway, cause }: { isAway: boolean; cause?: unknown }) {
    super(reason, { cause });
    this.name = "OidcFailure";
    this.isAway = isAway;
  }
}

/** Sign-in by an OpenID provider: discovery, code flow, PKCE. */
export interface Oidc {
  /** A new sign-in: where people are led to, and what their return is checked with. Throws `OidcFailure`. */
  begin(): Promise<OidcSecrets & { address: string }>;
  /** Trades what the provider led back with for whom it stands for. Throws `OidcFailure`. */
  identify(returned: OidcReturn, secrets: OidcSecrets): Promise<OidcPerson>;
  close(): Promise<void>;
}

const SCOPE = "openid email profile";
const TIMEOUT_SECONDS = 10;
const LIMIT_BYTES = 256 * 1024;
/** How long what the provider says of itself is believed. */
const DISCOVERED_MS = 600_000;

/** Opens the way to a provider. It is asked about itself when somebody signs in, and not before. */
export function openOidc(settings: OidcSettings, opened: readonly OpenedHost[]): Oidc {
  // The operator's own choice of an address, which may be private.
  const issuerHost = { host: new URL(settings.issuer).hostname };
  const outbound = openOutbound([...opened, issuerHost]);
  let known: { configuration: client.Configuration; until: number } | undefined;

  async function configure(): Promise<client.Configuration> {
    if (known && known.until > performance.now()) return known.configuration;
    const configuration = await discover(settings, outbound);
    known = { configuration, until: performance.now() + DISCOVERED_MS };
    return configuration;
  }

  return {
    async begin() {
      const configuration = await configure().catch((cause: unknown) => {
        throw new OidcFailure("the provider does not say how it is asked", { isAway: true, cause });
      });
      const [state, nonce] = [client.randomState(), client.randomNonce()];
      const verifier = client.randomPKCECodeVerifier();
      const address = client.buildAuthorizationUrl(configuration, {
        redirect_uri: settings.redirectUrl,
        scope: SCOPE,
        state,
        nonce,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      });
      return { state, nonce, verifier, address: address.href };
    },

    async identify(returned, { state, nonce, verifier }) {
      try {
        const configuration = await configure();
        const tokens = await client.authorizationCodeGrant(
          configuration,
          addressOf(settings.redirectUrl, returned),
          {
            expectedState: state,
            expectedNonce: nonce,
            pkceCodeVerifier: verifier,
            idTokenExpected: true,
          },
        );
        const claims = tokens.claims()!;
        const { userinfo_endpoint } = configuration.serverMetadata();
        // Some providers tell an address only when they are asked once more.
        const more =
          claims["email"] === undefined && userinfo_endpoint
            ? await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)
            : {};
        return personOf({ ...claims, ...more, iss: claims.iss, sub: claims.sub });
      } catch (error) {
        return failed(error);
      }
    },

    close: () => outbound.close(),
  };
}

async function discover(
  { issuer, clientId, clientSecret }: OidcSettings,
  outbound: Outbound,
): Promise<client.Configuration> {
  const [customFetch, isPlain] = [fetchBy(outbound), issuer.startsWith("http:")];
  const found = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
    [client.customFetch]: customFetch,
    timeout: TIMEOUT_SECONDS,
    // The operator's own choice; refused in production.
    ...(isPlain && { execute: [client.allowInsecureRequests] }),
  });
  const server = found.serverMetadata();
  const proof = proofOf(clientSecret, server.token_endpoint_auth_methods_supported);
  const configuration = new client.Configuration(server, clientId, undefined, proof);
  configuration[client.customFetch] = customFetch;
  configuration.timeout = TIMEOUT_SECONDS;
  if (isPlain) client.allowInsecureRequests(configuration);
  // The ID token came over TLS from the provider; its signature is checked all the same.
  client.enableNonRepudiationChecks(configuration);
  return configuration;
}

/** How we prove who we are: as the provider says; `client_secret_basic` when it does not (OpenID Connect Discovery §3). */
function proofOf(secret: string | undefined, supported: string[] | undefined): client.ClientAuth {
  if (secret === undefined) return client.None();
  const wantsPost =
    supported?.includes("client_secret_post") && !supported.includes("client_secret_basic");
  return wantsPost ? client.ClientSecretPost(secret) : client.ClientSecretBasic(secret);
}

/** The library's way out: ours, with its rules, its limits and no redirects. */
function fetchBy(outbound: Outbound): client.CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    const answer = await outbound.request({
      url,
      method: method === "POST" ? "POST" : "GET",
      headers,
      ...(body !== undefined && body !== null && { body: textOf(body) }),
      timeoutMs: TIMEOUT_SECONDS * 1000,
      limitBytes: LIMIT_BYTES,
      ...(signal && { signal }),
    });
    const type = answer.headers["content-type"];
    return new Response(hasBody(answer.status) ? new Uint8Array(answer.bytes) : null, {
      status: answer.status,
      ...(typeof type === "string" && { headers: { "content-type": type } }),
    });
  };
}

function textOf(body: unknown): string {
  if (typeof body === "string") return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw new Error("the provider is only sent forms");
}

function hasBody(status: number): boolean {
  return ![204, 205, 304].includes(status);
}

function addressOf(redirectUrl: string, { code, state, iss }: OidcReturn): URL {
  const address = new URL(redirectUrl);
  const query = { code, state, ...(iss !== undefined && { iss }) };
  address.search = new URLSearchParams(query).toString();
  return address;
}

function personOf(claims: { iss: string; sub: string; [claim: string]: unknown }): OidcPerson {
  const { iss: issuer, sub: subject, email, email_verified, preferred_username } = claims;
  const isVerified = email_verified === true && typeof email === "string" && email.includes("@");
  return {
    issuer,
    subject,
    verifiedEmail: isVerified ? email.toLowerCase() : null,
    username: typeof preferred_username === "string" ? preferred_username : null,
  };
}

/** What the provider says of a sign-in has a code; whatever else went wrong, it could not be asked. */
function failed(error: unknown): never {
  const { message, code } = error as Error & { code?: string };
  const said =
    error instanceof client.ResponseBodyError ||
    error instanceof client.AuthorizationResponseError ||
    (error instanceof client.ClientError && code !== undefined && !AWAY.has(code));
  throw new OidcFailure(message, { isAway: !said, cause: error });
}

/** The codes of the library for no answer, and for one that is not the provider's. */
const AWAY = new Set(["OAUTH_TIMEOUT", "OAUTH_ABORT", "OAUTH_RESPONSE_IS_NOT_CONFORM"]);
