import { refusal } from "../../../domain/errors.ts";
import type { Account } from "../../../models/accounts.ts";
import type { Services } from "../../services.ts";
import { limitGuesses } from "./limits.ts";

/** The hash of a password that somebody chose; refuses one that is known from a breach, in the field of this name. */
export async function hashNewPassword(
  { passwords }: Pick<Services, "passwords">,
  password: string,
  field: string,
): Promise<string> {
  if (passwords.isBreached(password)) {
    const message = "is known from a breach: choose another one";
    throw refusal("request/invalid", "The request is invalid.", {
      issues: [{ path: field, in: "body", message }],
    });
  }
  return passwords.hash(password);
}

/** Refuses whoever does not show the account's own password, however they are signed in; guesses are counted. */
export async function assertPassword(
  { services, address }: { services: Services; address: string },
  account: Account,
  given: string | undefined,
): Promise<void> {
  if (given === undefined) {
    const message = "is needed here; who has none sets one first: POST /api/v1/auth/reset-password";
    throw refusal("request/invalid", "The request is invalid.", {
      issues: [{ path: "current_password", in: "body", message }],
    });
  }
  const guesses = limitGuesses(services, "sign-in", address);
  if (await services.passwords.verify(account.passwordHash, given, guesses.admit)) return;
  await guesses.countFailure();
  throw refusal("accounts/wrong-password", "The current password is another one.");
}
