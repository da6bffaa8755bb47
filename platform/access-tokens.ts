import { createSecretKey } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import { deriveKey, sha256 } from "./crypto.ts";

const ISSUER = "longhaul";
const AUDIENCE = "longhaul-api";
const TYPE = "at+jwt";
const ALGORITHM = "HS256";
/** How far the clocks of processes that share a key may differ. */
const CLOCK_SKEW_SECONDS = 60;
const MOST_REMEMBERED = 10_000;

/** Whom an access token speaks for. */
interface AccessClaims {
  accountId: string;
  sessionId: string;
}

/** Access tokens: JWTs (RFC 9068) that this platform alone makes and reads. */
export interface AccessTokens {
  issue: (claims: AccessClaims, ttlSeconds: number) => Promise<string>;
  /** The claims of a token that is ours and in time; undefined for every other text. */
  verify: (token: string) => Promise<AccessClaims | undefined>;
}

/** A token that was found good is remembered by its digest until it expires: a signature is checked once. */
export function createAccessTokens(secretKey: string, now: () => number = Date.now): AccessTokens {
  const bytes = deriveKey(secretKey, "access-tokens");
  const key = createSecretKey(bytes);
  const keyId = sha256(bytes).slice(0, 16);
  const good = new Map<string, AccessClaims & { expiresAt: number }>();

  return {
    issue: ({ accountId, sessionId }, ttlSeconds) => {
      const issuedAt = Math.floor(now() / 1000);
      return new SignJWT({ sid: sessionId, type: "access" })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: keyId })
        .setSubject(accountId)
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + ttlSeconds)
        .sign(key);
    },

    verify: async (token) => {
      const digest = sha256(token);
      const known = good.get(digest);
      if (known && known.expiresAt > now()) return known;
      good.delete(digest);
      const claims = await read(token);
      if (!claims) return undefined;
      const [oldest] = good.keys();
      if (good.size >= MOST_REMEMBERED && oldest) good.delete(oldest);
      good.set(digest, claims);
      return claims;
    },
  };

  async function read(token: string) {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, key, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: AUDIENCE,
        typ: TYPE,
        requiredClaims: ["sub", "sid", "iat", "exp"],
        currentDate: new Date(now()),
      });
      const { sub, sid, type, exp, iat = Number.POSITIVE_INFINITY } = payload;
      if (protectedHeader.kid !== keyId || type !== "access") return undefined;
      if (!sub || typeof sid !== "string" || !exp) return undefined;
      if (iat > now() / 1000 + CLOCK_SKEW_SECONDS) return undefined;
      return { accountId: sub, sessionId: sid, expiresAt: exp * 1000 };
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }
}
