import { createSecretKey, generateKeyPairSync } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { deriveKey } from "../../../platform/crypto.ts";
import { listKeys, signIn, startWithAdmin } from "../../support/accounts.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const publicPem = publicKey.export({ type: "spki", format: "pem" });

/** A signed-in administrator, and tokens that differ from the good one in one thing. */
async function startWithToken() {
  const api = await startWithAdmin();
  const { access_token: good, refresh_token: refreshToken } = (await signIn(api)).body;
  const key = createSecretKey(deriveKey(api.services.secretKey, "access-tokens"));
  const claims = decodeJwt(good as string);
  const { kid } = decodeProtectedHeader(good as string);
  const seconds = Math.floor(Date.now() / 1000);
  const forge = (
    changes: Record<string, unknown> = {},
    alg = "HS256",
    signer: Parameters<SignJWT["sign"]>[0] = key,
  ) =>
    new SignJWT({ ...claims, ...changes })
      .setProtectedHeader({ alg, typ: "at+jwt", ...(kid && { kid }) })
      .sign(signer);
  const [header, payload, signature] = (good as string).split(".") as [string, string, string];
  return {
    api,
    good: good as string,
    refreshToken,
    forge,
    claims,
    seconds,
    header,
    payload,
    signature,
  };
}

describe("an access token that is not quite one", () => {
  test("is 401 in every spelling, and never 500", async () => {
    const { api, good, refreshToken, forge, claims, seconds, header, payload, signature } =
      await startWithToken();
    const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url");
    const tokens: Record<string, string> = {
      "alg: none": new UnsecuredJWT(claims).encode(),
      "alg: none, with our signature": `${none}.${payload}.${signature}`,
      "a stranger's key": await forge({}, "HS256", createSecretKey(Buffer.alloc(32, 1))),
      "our key for links": await forge(
        {},
        "HS256",
        createSecretKey(deriveKey(api.services.secretKey, "links")),
      ),
      "RS256 by a stranger": await forge({}, "RS256", privateKey),
      "a public key as a shared one": await forge(
        {},
        "HS256",
        createSecretKey(Buffer.from(publicPem)),
      ),
      expired: await forge({ iat: seconds - 3600, exp: seconds - 1800 }),
      "not yet good": await forge({ nbf: seconds + 600 }),
      "made in the future": await forge({ iat: seconds + 600, exp: seconds + 1200 }),
      "a refresh token": refreshToken as string,
      "a token of the type refresh": await forge({ type: "refresh" }),
      "of nobody": await forge({ sub: undefined }),
      "of another account": await forge({ sub: "00000000-0000-7000-8000-000000000009" }),
      "of a session that is none": await forge({ sid: { $ne: null } }),
      "without a signature": `${header}.${payload}.`,
      "of two parts": `${header}.${payload}`,
      truncated: good.slice(0, -4),
      "with one letter changed": `${header}.${payload.slice(0, -1)}${payload.endsWith("A") ? "B" : "A"}.${signature}`,
      empty: "..",
      "no base64": "%%%.%%%.%%%",
    };

    const answers: Record<string, number> = {};
    for (const [name, token] of Object.entries(tokens)) {
      answers[name] = (await listKeys(api, token)).status;
    }

    expect(answers).toEqual(Object.fromEntries(Object.keys(tokens).map((name) => [name, 401])));
    expect((await listKeys(api, good)).status).toBe(200);
    expect((await listKeys(api, await forge())).status).toBe(200);
  });

  test("is 401 or 431 when it is over-long", async () => {
    const { api, good } = await startWithToken();

    for (const length of [5_000, 12_000, 100_000]) {
      const { status } = await listKeys(api, good + "x".repeat(length));
      expect([401, 431]).toContain(status);
    }
  });
});
