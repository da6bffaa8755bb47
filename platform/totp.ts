import { createHmac, randomBytes } from "node:crypto";

const STEP_SECONDS = 30;
const DIGITS = 6;
/** How many steps a clock may be off, either way. */
const DRIFT_STEPS = 1;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** A new secret for one-time passwords: 160 bits in base32, as authenticator apps take it. */
export function makeTotpSecret(): string {
  return base32(randomBytes(20));
}

/** The address by which an authenticator app learns a secret (Key Uri Format). */
export function totpAddress(secret: string, account: string, issuer: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  return `otpauth://totp/${label}?secret=${secret}&issuer=${encodeURIComponent(issuer)}`;
}

/** The six digits of a time step (RFC 6238 with HMAC-SHA-1, as every authenticator app has it). */
export function totpOf(secret: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac("sha1", bytesOf(secret)).update(counter).digest();
  // RFC 4226 §5.3: the last half byte says where the four bytes begin.
  const at = digest.at(-1)! & 0xf;
  const number = digest.readUInt32BE(at) & 0x7fffffff;
  return String(number % 10 ** DIGITS).padStart(DIGITS, "0");
}

/** The time step that a moment in epoch milliseconds is in. */
export function totpStep(now: number): number {
  return Math.floor(now / 1000 / STEP_SECONDS);
}

/** The step that these digits belong to, around `now` in epoch milliseconds; undefined when they are wrong. */
export function findTotpStep(secret: string, digits: string, now = Date.now()): number | undefined {
  const current = totpStep(now);
  let found: number | undefined;
  for (let step = current - DRIFT_STEPS; step <= current + DRIFT_STEPS; step++) {
    if (totpOf(secret, step) === digits) found = step;
  }
  return found;
}

/** A code for when the phone is lost: 80 bits, in four groups of base32. */
export function makeRecoveryCode(): string {
  return base32(randomBytes(10)).match(/.{4}/g)!.join("-");
}

function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return bits
    .match(/.{5}/g)!
    .map((five) => BASE32[Number.parseInt(five, 2)]!)
    .join("");
}

function bytesOf(secret: string): Buffer {
  const fives = Array.from(secret, (one) => BASE32.indexOf(one).toString(2).padStart(5, "0"));
  return Buffer.from(
    fives
      .join("")
      .match(/.{8}/g)!
      .map((eight) => Number.parseInt(eight, 2)),
  );
}
