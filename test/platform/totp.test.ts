import { expect, test } from "vitest";
import {
  findTotpStep,
  makeRecoveryCode,
  makeTotpSecret,
  totpAddress,
  totpOf,
  totpStep,
} from "../../platform/totp.ts";

/** "12345678901234567890", the secret of RFC 6238 appendix B, in base32. */
const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

test.each([
  [59, "287082"],
  [1_111_111_109, "081804"],
  [1_111_111_111, "050471"],
  [1_234_567_890, "005924"],
  [2_000_000_000, "279037"],
  [20_000_000_000, "353130"],
])("at second %i the digits are those of RFC 6238", (second, digits) => {
  expect(totpOf(SECRET, totpStep(second * 1000))).toBe(digits);
});

test("digits are right half a minute before and after their time, and no longer", () => {
  const now = 1_234_567_890_000;
  const step = totpStep(now);

  expect(findTotpStep(SECRET, totpOf(SECRET, step), now)).toBe(step);
  expect(findTotpStep(SECRET, totpOf(SECRET, step - 1), now)).toBe(step - 1);
  expect(findTotpStep(SECRET, totpOf(SECRET, step + 1), now)).toBe(step + 1);
  expect(findTotpStep(SECRET, totpOf(SECRET, step - 2), now)).toBeUndefined();
  expect(findTotpStep(SECRET, totpOf(SECRET, step + 2), now)).toBeUndefined();
});

test("secrets and recovery codes are base32, and never the same", () => {
  const secrets = Array.from({ length: 50 }, makeTotpSecret);
  const codes = Array.from({ length: 50 }, makeRecoveryCode);

  for (const secret of secrets) expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  for (const code of codes) expect(code).toMatch(/^([A-Z2-7]{4}-){3}[A-Z2-7]{4}$/);
  expect(new Set([...secrets, ...codes]).size).toBe(100);
});

test("an app learns the secret from an address that names who it is for", () => {
  expect(totpAddress(SECRET, "a b", "Longhaul")).toBe(
    `otpauth://totp/Longhaul:a%20b?secret=${SECRET}&issuer=Longhaul`,
  );
});
