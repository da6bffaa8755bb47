import { createPrivateKey, createPublicKey, hash, type KeyObject, sign } from "node:crypto";
import type { CardKey } from "./card-codes.ts";
import { deriveKey } from "./crypto.ts";

/** A public key as JSON Web Key Sets list it (RFC 7517, RFC 8037). */
export interface ProofKey {
  kty: "OKP";
  crv: "Ed25519";
  /** Its 32 bytes, base64url. */
  x: string;
  kid: string;
  use: "sig";
  alg: "EdDSA";
}

/** An answer on its way to a client. */
export interface ProvenAnswer {
  status: number;
  body: string;
  /** What the client has sent, and nobody could know before: an answer to somebody else is told by it. */
  nonce: string;
  at: Date;
}

/** Vouches for what clients are told of cards: nobody without the platform's keys can say it in its name. */
export interface CardProofs {
  /** The headers that prove an answer: Date, Content-Digest (RFC 9530), Signature-Input and Signature (RFC 9421). */
  prove(answer: ProvenAnswer): Record<string, string>;
  /** These claims as a JSON Web Token (RFC 7519), signed by EdDSA. */
  certify(claims: Readonly<Record<string, unknown>>): string;
  /** Everything that a signature of ours may have been made by, the newest first. */
  publicKeys: readonly ProofKey[];
}

/** PKCS #8 of an Ed25519 key before its 32 secret bytes (RFC 8410). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const COMPONENTS = `("@status" "content-digest" "date")`;
const LICENCE = "card-licence+jwt";

/** Opens the signing keys; the first signs. */
export function openCardProofs(keys: readonly CardKey[]): CardProofs {
  const pairs = keys.map(({ id, secret }) => ({ id, key: signingKey(secret) }));
  const { id, key } = pairs[0]!;
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return {
    publicKeys: pairs.map((pair) => publicKey(pair.id, pair.key)),
    prove({ status, body, nonce, at }) {
      const date = at.toUTCString();
      const digest = `sha-256=:${hash("sha256", body, "base64")}:`;
      const created = Math.floor(at.getTime() / 1000);
      const terms = `${COMPONENTS};created=${created};nonce="${nonce}";keyid="${id}";alg="ed25519"`;
      const signed = [
        `"@status": ${status}`,
        `"content-digest": ${digest}`,
        `"date": ${date}`,
        `"@signature-params": ${terms}`,
      ].join("\n");
      const signature = sign(null, Buffer.from(signed), key).toString("base64");
      return {
        Date: date,
        "Content-Digest": digest,
        "Signature-Input": `card=${terms}`,
        Signature: `card=:${signature}:`,
      };
    },
    certify(claims) {
      const signed = `${encode({ alg: "EdDSA", kid: id, typ: LICENCE })}.${encode(claims)}`;
      return `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`;
    },
  };
}

function signingKey(secret: string): KeyObject {
  const key = Buffer.concat([PKCS8, deriveKey(secret, "card-proofs")]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

function publicKey(kid: string, key: KeyObject): ProofKey {
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return { kty: "OKP", crv: "Ed25519", x: x!, kid, use: "sig", alg: "EdDSA" };
}
