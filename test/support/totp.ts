import { totpOf, totpStep } from "../../platform/totp.ts";
import { bearer, PASSWORD } from "./accounts.ts";
import type { Answer, StartedApi } from "./api.ts";

/** The digits that an app shows `steps` half minutes from now. */
export const digitsOf = (secret: string, steps = 0) => totpOf(secret, totpStep(Date.now()) + steps);

/** Calls one of the routes under /api/v1/auth as whoever holds the access token. */
export function callAuth(api: StartedApi, token: string, path: string, json?: object) {
  const method = json ? "POST" : "GET";
  return api.call(undefined, method, `/api/v1/auth/${path}`, {
    headers: bearer(token),
    ...(json && { json }),
  });
}

/** Turns the second proof of whoever holds the token on, with its digits of now: what comes later has to be of a later step. */
export async function turnOnTotp(
  api: StartedApi,
  token: string,
  password = PASSWORD,
): Promise<{ secret: string; codes: string[] }> {
  const begun = await callAuth(api, token, "totp", { password });
  const secret = begun.body.secret as string;
  const on: Answer = await callAuth(api, token, "totp/confirm", { totp: digitsOf(secret) });
  return { secret, codes: on.body.recovery_codes as string[] };
}
