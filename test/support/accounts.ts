import { createAuthenticator } from "../../api/policies/accounts.ts";
import {
  Account,
  codePlace,
  createFirstAdministrator,
  VerificationCode,
} from "../../models/accounts.ts";
import { deriveKey, newId, unseal } from "../../platform/crypto.ts";
import { openLimiter } from "../../platform/limiter.ts";
import { type ApiGiven, startApi, type StartedApi } from "./api.ts";

/** The password of the administrator that `startWithAdmin` makes. */
export const PASSWORD = "correct horse battery";

/** An API with an administrator `admin` who signs in with `PASSWORD`. */
export async function startWithAdmin(given: ApiGiven = {}): Promise<StartedApi> {
  const services = { limiter: openLimiter(), ...given.services };
  const api = await startApi({ authenticate: createAuthenticator, ...given, services });
  const { database, passwords } = api.services;
  const passwordHash = await passwords.hash(PASSWORD);
  await createFirstAdministrator(database, { id: newId(), username: "admin", passwordHash });
  return api;
}

/** Signs in; as the administrator when not told otherwise. */
export const signIn = (api: StartedApi, password = PASSWORD, username = "admin") =>
  api.call(undefined, "POST", "/api/v1/auth/login", { json: { username, password } });
/** Trades a refresh token. */
export const refresh = (api: StartedApi, token: string) =>
  api.call(undefined, "POST", "/api/v1/auth/refresh", { json: { refresh_token: token } });
/** Signs out. */
export const signOut = (api: StartedApi, token: string) =>
  api.call(undefined, "POST", "/api/v1/auth/logout", { json: { refresh_token: token } });

/** The header that shows an access token. */
export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
/** The cheapest call that needs somebody signed in. */
export const listKeys = (api: StartedApi, token: string) =>
  api.call(undefined, "GET", "/api/v1/api-keys", { headers: bearer(token) });

/** Makes an API key as whoever holds the access token. */
export async function makeKey(api: StartedApi, token: string, given: object = {}) {
  const json = { name: "ci", scopes: ["packages:query"], ...given };
  return api.call(undefined, "POST", "/api/v1/api-keys", { json, headers: bearer(token) });
}

/** An API that has an administrator, promises messages, and lets everybody ask as often as they like. */
export const startWithMessages = (given: ApiGiven = {}): Promise<StartedApi> =>
  startWithAdmin({
    ...given,
    env: {
      DEV_MESSAGES: "on",
      LIMIT_SMS_PHONE: "1000/60",
      LIMIT_SMS_ADDRESS: "1000/60",
      LIMIT_SIGN_IN: "1000/60",
      LIMIT_REGISTER: "1000/60",
      ...given.env,
    },
  });

/** Posts JSON without being signed in. */
export const post = (api: StartedApi, path: string, json: object, headers = {}) =>
  api.call(undefined, "POST", path, { json, headers });

/** The digits that are on their way to a phone or an e-mail address. */
export async function digitsTo(api: StartedApi, address: string): Promise<string> {
  const { id, sealed } = await VerificationCode.findOne({
    where: { address },
    rejectOnEmpty: true,
  });
  return unseal(deriveKey(api.services.secretKey, "columns"), sealed!, codePlace(id));
}

/** Asks for a code, and answers its digits. */
export async function askForCode(api: StartedApi, to: { phone: string } | { email: string }) {
  await post(api, "/api/v1/auth/send-code", to);
  return digitsTo(api, "phone" in to ? to.phone : to.email);
}

/** Registers by e-mail; answers what the API did. */
export const registerByMail = (api: StartedApi, username = "ann", given: object = {}) =>
  post(api, "/api/v1/auth/register", {
    username,
    email: `${username}@example.com`,
    password: PASSWORD,
    ...given,
  });

/** Signs an account of this role in that is made for it; answers who it is and its header. */
export async function makePerson(api: StartedApi, role = "user", username = `u_${role}`) {
  const passwordHash = await api.services.passwords.hash(PASSWORD);
  const { id } = await Account.create({ id: newId(), username, passwordHash, role });
  const { access_token: token } = (await signIn(api, PASSWORD, username)).body;
  const call = (method: string, path: string, json?: unknown) =>
    api.call(undefined, method, path, {
      headers: bearer(token),
      ...(json !== undefined && { json }),
    });
  return { id, username, token, call };
}
