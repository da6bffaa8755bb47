import { refusal } from "../../../domain/errors.ts";
import type { Services } from "../../services.ts";

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
