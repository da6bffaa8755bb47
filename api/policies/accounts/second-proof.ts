import { refusal } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import {
  Account,
  spendRecoveryCode,
  spendTotpStep,
  totpOn,
  type TotpSecret,
} from "../../../models/accounts.ts";
import { deriveKey, seal, sha256, signLink, unseal, verifyLink } from "../../../platform/crypto.ts";
import { findTotpStep } from "../../../platform/totp.ts";
import { actorOf } from "../accounts.ts";
import type { Services } from "../../services.ts";
import { limitTotp } from "./limits.ts";

/** What of a call a second proof is checked with. */
interface Asking {
  services: Services;
  address: string;
  requestId: string;
}

/**
 * Lets pass whoever needs no second proof, or gave it: `totp` is the digits of the app or a recovery code, each good
 * once. Otherwise refuses `auth/totp-required`, with a challenge to answer for who cannot give the first proof again,
 * or `auth/totp-invalid`.
 */
export async function assertSecondProof(
  { services, address, requestId }: Asking,
  account: Account,
  totp: string | undefined,
): Promise<void> {
  const kept = await totpOn(account.id);
  if (!kept) return;
  if (totp === undefined) {
    const asked = "Send the six digits of your authenticator app, or a recovery code, as totp.";
    throw refusal("auth/totp-required", asked, { fields: makeChallenge(services, account) });
  }
  await limitTotp(services, account.id);
  const origin = { actor: actorOf(account), address, requestId };
  const { database, secretKey } = services;
  const step = stepOf(secretKey, kept, totp);
  const right = /^\d{6}$/.test(totp)
    ? step !== undefined && (await spendTotpStep(database, account.id, step))
    : await spendRecoveryCode(database, account.id, recoveryHash(account.id, totp), origin);
  if (!right) throw wrongDigits();
}

/** Of wrong digits, and of right ones that were used before. */
export function wrongDigits(): Error {
  return refusal(
    "auth/totp-invalid",
    "These digits are not right, or were used. Wait for new ones.",
  );
}

/** The step that these digits belong to now, by the account's secret. */
export function stepOf(
  secretKey: string,
  { accountId, sealed }: Pick<TotpSecret, "accountId" | "sealed">,
  digits: string,
): number | undefined {
  const secret = unseal(deriveKey(secretKey, "columns"), sealed, placeOf(accountId));
  return findTotpStep(secret, digits);
}

/** A secret as its row keeps it. */
export function sealTotp(secretKey: string, accountId: string, secret: string): string {
  return seal(deriveKey(secretKey, "columns"), secret, placeOf(accountId));
}

/** A recovery code as its row keeps it, however its holder spells it. */
export function recoveryHash(accountId: string, code: string): string {
  return sha256(`${accountId}:${code.toUpperCase().replaceAll(/[^A-Z2-7]/g, "")}`);
}

function placeOf(accountId: string): string {
  return `totp_secrets.sealed/${accountId}`;
}

/** What says that the first proof was given, until the password changes: it is signed, and nothing of it is kept. */
function makeChallenge({ secretKey }: Services, account: Account) {
  const seconds = LIMITS.challengeSeconds;
  const expiresAt = Math.floor(Date.now() / 1000) + seconds;
  const signature = signLink(deriveKey(secretKey, "challenges"), termsOf(account, expiresAt));
  return { challenge: `${account.id}.${expiresAt}.${signature}`, expires_in: seconds };
}

/** The account that a challenge was made for. Refuses `accounts/challenge-invalid`. */
export async function findChallenged({ secretKey }: Services, challenge: string): Promise<Account> {
  const [accountId = "", expiresAt = "", signature = ""] = challenge.split(".");
  const account = await Account.findByPk(accountId);
  const key = deriveKey(secretKey, "challenges");
  const verdict = account && verifyLink(key, termsOf(account, Number(expiresAt)), signature);
  if (verdict === "good") return account!;
  throw refusal("accounts/challenge-invalid", "Your sign-in took too long. Begin it again.");
}

function termsOf({ id, passwordHash }: Account, expiresAt: number) {
  const claims = { account: id, password: sha256(passwordHash) };
  return { method: "POST", path: "/api/v1/auth/challenge", expiresAt, claims } as const;
}
