import type { Actor } from "../../../domain/accounts.ts";
import { refusal } from "../../../domain/errors.ts";
import { Account, type Hindered } from "../../../models/accounts.ts";
import { codeInvalid } from "./codes.ts";

/** The account of whoever asks, as it is now. */
export async function findOwn(actor: Pick<Actor, "accountId">): Promise<Account> {
  const account = await Account.findByPk(actor.accountId);
  if (!account) throw refusal("accounts/not-signed-in", "User not found");
  return account;
}

/** The words of the client contract for what no two accounts share. */
const TAKEN = {
  username: ["accounts/username-registered", "Username"],
  email: ["accounts/email-registered", "Email"],
  phone: ["accounts/phone-registered", "Phone number"],
} as const;

/** Why an account was not made or changed, in a sentence of the client contract. */
export function takenBy({ taken }: Hindered, already: "registered" | "exists"): Error {
  if (taken === "code") return codeInvalid();
  const [code, thing] = TAKEN[taken];
  return refusal(code, `${thing} already ${already}`);
}
