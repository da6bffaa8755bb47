import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hash,
  hkdfSync,
  randomBytes,
  randomInt,
  timingSafeEqual,
} from "node:crypto";
import { v5, v7 } from "uuid";
import { createHelpings } from "../domain/helpings.ts";

/** A new UUID version 7: later ones sort after earlier ones. */
export function newId(): string {
  return v7();
}

const NAMED = "0b5a5f0e-6f0f-5d1e-9a57-5b1c7a1d7e42";

/** The UUID version 5 of what these words name together: the same words, the same id. */
export function namedId(...words: string[]): string {
  return v5(JSON.stringify(words), NAMED);
}

const ID_BYTES = 16;

/** Makes ids for what is not kept, many in a second: asking for randomness each time would cost more than the rest. */
export function createIds(): () => string {
  const helping = createHelpings(randomBytes);
  return () => v7({ random: helping(ID_BYTES) });
}

/** The sha256 in lower-case hex. */
export function sha256(bytes: string | Uint8Array): string {
  return hash("sha256", bytes);
}

/** What our keys are made for; a key for one purpose says nothing about the others. */
export type KeyPurpose =
  | "access-tokens"
  | "card-codes"
  | "card-hashes"
  | "card-proofs"
  | "challenges"
  | "codes"
  | "columns"
  | "links";

/** 256 bits for one purpose out of the platform's secret key (HKDF, RFC 5869). */
export function deriveKey(secretKey: string, purpose: KeyPurpose): Buffer {
  return Buffer.from(hkdfSync("sha256", secretKey, "longhaul", purpose, 32));
}

/** The kinds of secrets that clients hold. The word is part of the secret, so that a leak is recognised. */
export type SecretKind = "key" | "refresh" | "login" | "scene" | "ticket" | "wechat";

/** A secret as it is made: `secret` goes to its holder once, everything else may be stored. */
export interface MadeSecret {
  /** `lh_<kind>_<16 hex>_<43 base64url>`, 256 random bits in its last part. */
  secret: string;
  /** The part before the random bits, unique, by which the secret is found. */
  prefix: string;
  lastFour: string;
  /** sha256 of the whole secret: it has too many bits to be guessed, so no slow hash is needed. */
  hash: string;
}

export function makeSecret(kind: SecretKind): MadeSecret {
  const prefix = `lh_${kind}_${randomBytes(8).toString("hex")}`;
  const secret = `${prefix}_${randomBytes(32).toString("base64url")}`;
  return { secret, prefix, lastFour: secret.slice(-4), hash: sha256(secret) };
}

/** Six random digits. */
export function makeDigits(): string {
  return String(randomInt(1_000_000)).padStart(6, "0");
}

/** What is kept of digits that were sent somewhere: without the key of the purpose `codes` nobody can try them all. */
export function digitsHash(key: Buffer, place: string, digits: string): string {
  return createHmac("sha256", key)
    .update(JSON.stringify([place, digits]))
    .digest("hex");
}

/** A secret that signs messages to one address, as Standard Webhooks 1.0.0 spells it: 256 random bits. */
export function makeSigningSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

/** The prefix of a secret of this kind; undefined when the text is none. */
export function secretPrefix(kind: SecretKind, text: string): string | undefined {
  const [, prefix, of] = /^(lh_([a-z]+)_[0-9a-f]{16})_[\w-]{43}$/.exec(text) ?? [];
  return of === kind ? prefix : undefined;
}

/** Compares two hex digests in a time that tells nothing about them. */
export function sameDigest(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one, "hex"), Buffer.from(other, "hex")];
  return a.length === b.length && a.length > 0 && timingSafeEqual(a, b);
}

/** What a signed link is good for. */
export interface LinkTerms {
  method: "GET" | "PUT" | "POST";
  /** The decoded path. */
  path: string;
  /** Epoch seconds. */
  expiresAt: number;
  /** Anything else the link is bound to. */
  claims?: Record<string, string>;
}

/** The signature of a link, base64url: without the key of the purpose `links` nobody can change a word of its terms. */
export function signLink(key: Buffer, terms: LinkTerms): string {
  return linkDigest(key, terms).toString("base64url");
}

/** Whether `signature` belongs to these terms, and their time has not passed at `now` (epoch milliseconds). */
export function verifyLink(
  key: Buffer,
  terms: LinkTerms,
  signature: string,
  now = Date.now(),
): "good" | "expired" | "forged" {
  const [given, right] = [Buffer.from(signature, "base64url"), linkDigest(key, terms)];
  // The decoder forgives; two spellings of one signature are not ours to accept.
  if (given.length !== right.length || right.toString("base64url") !== signature) return "forged";
  if (!timingSafeEqual(given, right)) return "forged";
  return terms.expiresAt * 1000 > now ? "good" : "expired";
}

function linkDigest(key: Buffer, { method, path, expiresAt, claims = {} }: LinkTerms): Buffer {
  const sorted = Object.entries(claims).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHmac("sha256", key)
    .update(JSON.stringify([method, path, expiresAt, sorted]))
    .digest();
}

const SEAL = "v1";

/** Encrypts a column (AES-256-GCM). `place` says where it belongs, `table.column/id`: it opens nowhere else. */
export function seal(key: Buffer, text: string, place: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(place));
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  const parts = [nonce, cipher.getAuthTag(), sealed].map((part) => part.toString("base64url"));
  return [SEAL, ...parts].join(".");
}

/** Decrypts what `seal` made for the same place; throws when a bit of it was changed. */
export function unseal(key: Buffer, sealed: string, place: string): string {
  const [version, ...parts] = sealed.split(".");
  const [nonce, tag, bytes] = parts.map((part) => Buffer.from(part, "base64url"));
  if (version !== SEAL || nonce?.length !== 12 || tag?.length !== 16 || !bytes) {
    throw new Error("the sealed column cannot be read");
  }
  const decipher = createDecipheriv("aes-256-gcm", key, nonce)
    .setAAD(Buffer.from(place))
    .setAuthTag(tag);
  return Buffer.concat([decipher.update(bytes), decipher.final()]).toString("utf8");
}
