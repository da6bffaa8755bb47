import { createHash, createPublicKey, verify } from "node:crypto";
import { compactVerify, importJWK } from "jose";
import { describe, expect, test } from "vitest";
import { cardKeys } from "../../platform/card-codes.ts";
import { openCardProofs } from "../../platform/card-proofs.ts";

const SECRET_KEY = "the platform's secret key, long enough";
const OLD = { id: "2025", secret: "a secret of last year, long enough too" };
const NEW = { id: "2026", secret: "a secret of this year, long enough too" };

const now = openCardProofs(cardKeys(SECRET_KEY, [NEW, OLD]));
const ANSWER = {
  status: 200,
  body: '{"message":"授权成功"}',
  nonce: "0123456789abcdef",
  at: new Date("2026-11-21T18:00:00.999Z"),
};

describe("a proven answer", () => {
  test("is signed as RFC 9421 says: the text of its components, and the terms with nonce and key id", () => {
    const headers = now.prove(ANSWER);

    const digest = createHash("sha256").update(ANSWER.body).digest("base64");
    const terms =
      '("@status" "content-digest" "date");created=1795284000;nonce="0123456789abcdef";keyid="2026";alg="ed25519"';
    expect(headers).toMatchObject({
      Date: "Sat, 21 Nov 2026 18:00:00 GMT",
      "Content-Digest": `sha-256=:${digest}:`,
      "Signature-Input": `card=${terms}`,
    });
    const signed = `"@status": 200\n"content-digest": sha-256=:${digest}:\n"date": Sat, 21 Nov 2026 18:00:00 GMT\n"@signature-params": ${terms}`;
    const signature = Buffer.from(/^card=:(.*):$/.exec(headers["Signature"]!)![1]!, "base64");
    const key = createPublicKey({ key: { ...now.publicKeys[0]! }, format: "jwk" });
    expect(verify(null, Buffer.from(signed), key, signature)).toBe(true);
    expect(verify(null, Buffer.from(signed.replace("200", "201")), key, signature)).toBe(false);
  });
});

describe("a certificate", () => {
  test("is read by the key that it names, also after a newer one came", async () => {
    const before = openCardProofs(cardKeys(SECRET_KEY, [OLD])).certify({ machine_code: "PC-1" });

    const listed = now.publicKeys.find(({ kid }) => kid === "2025")!;
    const { payload, protectedHeader } = await compactVerify(
      before,
      await importJWK({ ...listed }, "EdDSA"),
    );
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual({ machine_code: "PC-1" });
    expect(protectedHeader).toEqual({ alg: "EdDSA", kid: "2025", typ: "card-licence+jwt" });
  });
});

test("the public keys are those of all secrets, the newest first, and hold nothing secret", () => {
  expect(now.publicKeys.map(({ kid }) => kid)).toEqual(["2026", "2025", "own"]);
  for (const key of now.publicKeys) expect(key).not.toHaveProperty("d");
  expect(openCardProofs(cardKeys(SECRET_KEY, [])).publicKeys).toEqual(now.publicKeys.slice(2));
});
