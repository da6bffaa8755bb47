import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { canonicalCode } from "../domain/cards/codes.ts";
import { createHelpings } from "../domain/helpings.ts";
import { deriveKey } from "./crypto.ts";

/** A secret out of which the keys for cards are made. Its id stands beside whatever they have sealed or signed. */
export interface CardKey {
  id: string;
  secret: string;
}

/** The id of the key that there always is, made out of the platform's own. */
export const OWN_CARD_KEY = "own";

/** The keys for cards, the one that is used now first: those that were given, then the platform's own. */
export function cardKeys(secretKey: string, given: readonly CardKey[]): CardKey[] {
  return [...given, { id: OWN_CARD_KEY, secret: secretKey }];
}

/** Codes of cards at rest: found by a keyed hash, shown to those who may out of a sealed copy. */
export interface CardCodes {
  /** The hash by which a new card is kept: 64 hex digits, the same however the code is written. */
  hash(code: string): string;
  /** The hashes under which a card may have been kept, the newest key's first: whoever looks one up tries all. */
  hashes(code: string): string[];
  /** `<key id>.<base64url>`, AES-256-GCM; it opens for the same card alone. */
  seal(code: string, cardId: string): string;
  /** What `seal` was given. Throws when it was changed, is another card's, or its key is not there. */
  unseal(sealed: string, cardId: string): string;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PLACE = "cards.code_sealed/";

/** Opens what hashes and seals codes; the first key is the one for what is new. */
export function openCardCodes(keys: readonly CardKey[]): CardCodes {
  const hashing = keys.map(({ secret }) => createSecretKey(deriveKey(secret, "card-hashes")));
  const sealing = new Map(
    keys.map(({ id, secret }) => [id, createSecretKey(deriveKey(secret, "card-codes"))]),
  );
  const current = keys[0]!.id;
  const nonces = createHelpings(randomBytes);

  return {
    hash: (code) => hashOf(hashing[0]!, canonicalCode(code)),
    hashes(code) {
      const canonical = canonicalCode(code);
      return hashing.map((key) => hashOf(key, canonical));
    },
    seal(code, cardId) {
      const nonce = nonces(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", sealing.get(current)!, nonce);
      cipher.setAAD(Buffer.from(PLACE + cardId));
      const bytes = Buffer.concat([cipher.update(code, "utf8"), cipher.final()]);
      const sealed = Buffer.concat([nonce, cipher.getAuthTag(), bytes]);
      return `${current}.${sealed.toString("base64url")}`;
    },
    unseal(sealed, cardId) {
      const [id = "", text = ""] = sealed.split(".");
      const key = sealing.get(id);
      if (!key) throw new Error(`The key ${id} of a card is not there: give it in CARD_KEYS.`);
      const bytes = Buffer.from(text, "base64url");
      if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error("A sealed code was cut short.");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(PLACE + cardId));
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      const opened = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
      return Buffer.concat([opened, decipher.final()]).toString("utf8");
    },
  };
}

function hashOf(key: KeyObject, canonical: string): string {
  return createHmac("sha256", key).update(canonical).digest("hex");
}
