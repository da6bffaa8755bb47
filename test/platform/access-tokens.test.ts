import { createSecretKey, generateKeyPairSync } from "node:crypto";
import { SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { createAccessTokens } from "../../platform/access-tokens.ts";
import { deriveKey, newId, sha256 } from "../../platform/crypto.ts";

const SECRET_KEY = "a secret key for tests, long enough";
const claims = { accountId: newId(), sessionId: newId() };

describe("an access token", () => {
  test("speaks for the account and session that it was made for", async () => {
    const tokens = createAccessTokens(SECRET_KEY);

    const token = await tokens.issue(claims, 60);

    expect(await tokens.verify(token)).toMatchObject(claims);
    expect(await createAccessTokens(SECRET_KEY).verify(token)).toMatchObject(claims);
  });

  test("ends with its time, also when it was found good before", async () => {
    let now = Date.now();
    const tokens = createAccessTokens(SECRET_KEY, () => now);
    const token = await tokens.issue(claims, 60);
    expect(await tokens.verify(token)).toBeDefined();

    now += 61_000;

    expect(await tokens.verify(token)).toBeUndefined();
  });
});

interface Forgery {
  header?: Record<string, unknown>;
  payload?: Record<string, unknown>;
  key?: Parameters<SignJWT["sign"]>[0];
}

const bytes = deriveKey(SECRET_KEY, "access-tokens");
const kid = sha256(bytes).slice(0, 16);
const seconds = Math.floor(Date.now() / 1000);
const right = {
  sub: claims.accountId,
  sid: claims.sessionId,
  type: "access",
  iss: "longhaul",
  aud: "longhaul-api",
  iat: seconds,
  exp: seconds + 60,
};
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const publicPem = publicKey.export({ type: "spki", format: "pem" });

function forge({ header = {}, payload = {}, key = createSecretKey(bytes) }: Forgery) {
  return new SignJWT({ ...right, ...payload })
    .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid, ...header })
    .sign(key);
}

const FORGERIES: Record<string, Forgery> = {
  "a key of our own for another purpose": {
    key: createSecretKey(deriveKey(SECRET_KEY, "links")),
  },
  "the undivided secret key": { key: createSecretKey(Buffer.from(SECRET_KEY)) },
  "a stranger's key": { key: createSecretKey(Buffer.alloc(32, 1)) },
  "a stranger's RSA key": { header: { alg: "RS256" }, key: privateKey },
  "a public key taken for a shared one": { key: createSecretKey(Buffer.from(publicPem)) },
  "another algorithm with our key": {
    header: { alg: "HS512" },
    key: createSecretKey(Buffer.concat([bytes, bytes])),
  },
  "an unknown key id": { header: { kid: "0000000000000000" } },
  "no key id": { header: { kid: undefined } },
  "a key id that is a path": { header: { kid: "../../dev/null" } },
  "another token type in the header": { header: { typ: "JWT" } },
  "no token type in the header": { header: { typ: undefined } },
  "the type of a refresh token": { payload: { type: "refresh" } },
  "no type": { payload: { type: undefined } },
  "another issuer": { payload: { iss: "elsewhere" } },
  "no issuer": { payload: { iss: undefined } },
  "another audience": { payload: { aud: "other-api" } },
  "no audience": { payload: { aud: undefined } },
  "an expiry in the past": { payload: { exp: seconds - 1 } },
  "no expiry": { payload: { exp: undefined } },
  "an expiry that is no number": { payload: { exp: "never" } },
  "a beginning in the future": { payload: { nbf: seconds + 600 } },
  "a making in the future": { payload: { iat: seconds + 600, exp: seconds + 1200 } },
  "no account": { payload: { sub: undefined } },
  "an empty account": { payload: { sub: "" } },
  "no session": { payload: { sid: undefined } },
  "a session that is no text": { payload: { sid: { $ne: "" } } },
};

describe("a forged access token is refused", () => {
  const tokens = createAccessTokens(SECRET_KEY);

  test("and the one that the forgeries are made from is good", async () => {
    expect(await tokens.verify(await forge({}))).toMatchObject(claims);
  });

  for (const [name, forgery] of Object.entries(FORGERIES)) {
    test(`with ${name}`, async () => {
      expect(await tokens.verify(await forge(forgery))).toBeUndefined();
    });
  }

  test("without a signature", async () => {
    const none = new UnsecuredJWT(right).encode();
    const [header, payload, signature] = (await forge({})).split(".") as [string, string, string];
    const unsigned = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url");

    for (const token of [
      none,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${unsigned}.${payload}.${signature}`,
      `${unsigned}.${payload}.`,
    ]) {
      expect(await tokens.verify(token), token).toBeUndefined();
    }
  });

  test("with a key that it brings along", async () => {
    const jwk = { kty: "oct", k: Buffer.alloc(32, 1).toString("base64url") };
    const key = createSecretKey(Buffer.alloc(32, 1));

    for (const header of [
      { jwk },
      { jku: "http://127.0.0.1/keys" },
      { x5u: "http://127.0.0.1/" },
    ]) {
      expect(await tokens.verify(await forge({ header, key }))).toBeUndefined();
    }
  });

  test("with any character changed, added or left out", async () => {
    const token = await forge({});
    await tokens.verify(token);

    for (let at = 0; at < token.length; at += 7) {
      const other = token[at] === "A" ? "B" : "A";
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      expect(await tokens.verify(changed), `${at}`).toBeUndefined();
    }
    for (const text of ["", "x", "a.b.c", `${token}x`, token.slice(1), token.slice(0, -2)]) {
      expect(await tokens.verify(text), text).toBeUndefined();
    }
  });
});
