import { createAuthenticator } from "../../api/policies/accounts.ts";
import { Account, createFirstAdministrator } from "../../models/accounts.ts";
import { newId } from "../../platform/crypto.ts";
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
