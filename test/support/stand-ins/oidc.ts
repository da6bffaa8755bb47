import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { onTestFinished } from "vitest";

/** What the provider knows of somebody. */
export interface OidcUser {
  sub: string;
  email?: string;
  email_verified?: boolean;
  preferred_username?: string;
}

/** An OpenID provider on this machine: discovery, code flow with PKCE and client secret, signed ID tokens. */
export interface OidcProvider {
  /** What the product is configured with. */
  env: Record<string, string>;
  /** `user` signs in there and agrees: what the browser is led back with. Throws when the request is not right. */
  agree(authorizationUrl: string, user: OidcUser): Promise<OidcLedBack>;
  /** Changes ID tokens from now on: claims, or the key that they are signed with. */
  forge(change: { claims?: Record<string, unknown>; otherKey?: boolean }): void;
  /** Tells addresses and names only when asked for them, as some providers do. */
  isSilent: boolean;
  /** Answers everything with this status from now on. */
  fail(status: number): void;
}

/** The query of the address that the browser is led back to. */
export interface OidcLedBack {
  code: string;
  state: string;
  iss: string;
}

interface Grant {
  user: OidcUser;
  query: URLSearchParams;
}

const CLIENT_ID = "longhaul-test";
const REDIRECT_URL = "https://console.example.test/oidc";

/** Starts it on a free port; it ends with the test. */
export async function startOidc(): Promise<OidcProvider> {
  const secret = randomBytes(16).toString("hex");
  const [key, otherKey] = [await generateKeyPair("RS256"), await generateKeyPair("RS256")];
  const jwk = { ...(await exportJWK(key.publicKey)), kid: "k1", alg: "RS256", use: "sig" };
  const grants = new Map<string, Grant>();
  const sessions = new Map<string, OidcUser>();
  let forged: Parameters<OidcProvider["forge"]>[0] = {};
  let failure = 0;

  const server = createServer((req, res) => {
    void answer(req)
      .then((body) => send(res, failure || (body ? 200 : 404), body ?? {}))
      .catch((error: Error) => send(res, 400, { error: error.message }));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}/realms/test`;

  async function answer(req: IncomingMessage): Promise<object | undefined> {
    switch (req.url!.replace("/realms/test", "")) {
      case "/.well-known/openid-configuration":
        return {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          userinfo_endpoint: `${issuer}/userinfo`,
          jwks_uri: `${issuer}/jwks`,
          response_types_supported: ["code"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["RS256"],
          code_challenge_methods_supported: ["S256"],
          authorization_response_iss_parameter_supported: true,
        };
      case "/jwks":
        return { keys: [jwk] };
      case "/token":
        return token(req.headers.authorization, new URLSearchParams(await text(req)));
      case "/userinfo":
        return sessions.get((req.headers.authorization ?? "").replace(/^Bearer /, ""));
      default:
        return undefined;
    }
  }

  async function token(authorization: string | undefined, form: URLSearchParams) {
    const basic = Buffer.from(authorization?.replace(/^Basic /, "") ?? "", "base64").toString();
    // RFC 6749 §2.3.1: both are encoded as in a form.
    const shown = basic.split(":").map(decodeURIComponent);
    if (shown.join() !== [CLIENT_ID, secret].join()) throw new Error("invalid_client");
    const grant = grants.get(form.get("code") ?? "");
    grants.delete(form.get("code") ?? "");
    const verifier = form.get("code_verifier") ?? "";
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const isRight =
      grant?.query.get("code_challenge") === challenge &&
      form.get("grant_type") === "authorization_code" &&
      form.get("redirect_uri") === REDIRECT_URL;
    if (!grant || !isRight) throw new Error("invalid_grant");
    const { sub, ...told } = grant.user;
    const access = randomBytes(20).toString("hex");
    sessions.set(access, grant.user);
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      ...(!provider.isSilent && told),
      iss: issuer,
      sub,
      aud: CLIENT_ID,
      iat: now,
      exp: now + 300,
      nonce: grant.query.get("nonce"),
      ...forged.claims,
    };
    const idToken = await new SignJWT(claims)
      .setProtectedHeader({ alg: "RS256", kid: "k1" })
      .sign((forged.otherKey ? otherKey : key).privateKey);
    return { access_token: access, token_type: "Bearer", expires_in: 300, id_token: idToken };
  }

  const provider: OidcProvider = {
    env: {
      OIDC_ISSUER: issuer,
      OIDC_CLIENT_ID: CLIENT_ID,
      OIDC_CLIENT_SECRET: secret,
      OIDC_REDIRECT_URL: REDIRECT_URL,
    },
    async agree(authorizationUrl, user) {
      const url = new URL(authorizationUrl);
      const query = url.searchParams;
      const asked = {
        address: url.origin + url.pathname,
        client: query.get("client_id"),
        back: query.get("redirect_uri"),
        type: query.get("response_type"),
        method: query.get("code_challenge_method"),
        hasOpenId: (query.get("scope") ?? "").split(" ").includes("openid"),
      };
      const wanted = {
        address: `${issuer}/authorize`,
        client: CLIENT_ID,
        back: REDIRECT_URL,
        type: "code",
        method: "S256",
        hasOpenId: true,
      };
      if (JSON.stringify(asked) !== JSON.stringify(wanted)) throw new Error("invalid_request");
      const code = randomBytes(16).toString("hex");
      grants.set(code, { user, query });
      return { code, state: query.get("state") ?? "", iss: issuer };
    },
    forge: (change) => void (forged = change),
    isSilent: false,
    fail: (status) => void (failure = status),
  };
  return provider;
}

function send(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { "Content-Type": "application/json" });
  res.end(JSON.stringify(body));
}
