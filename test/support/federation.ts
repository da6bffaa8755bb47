import { Account } from "../../models/accounts.ts";
import { newId } from "../../platform/crypto.ts";
import { PASSWORD } from "./accounts.ts";
import { type ApiGiven, startApi, type StartedApi } from "./api.ts";
import { startWechat, type WechatPlatform, type WechatUser } from "./stand-ins/wechat.ts";

/** An API that people sign in to by the WeChat beside it. */
export async function startWithWechat(
  given: ApiGiven = {},
): Promise<{ api: StartedApi; wechat: WechatPlatform }> {
  const wechat = await startWechat();
  const env = { LIMIT_SIGN_IN: "100/60", ...wechat.env, ...given.env };
  return { api: await startApi({ ...given, env }), wechat };
}

/** A person who signs in with `PASSWORD`. */
export async function makePerson(
  { services }: StartedApi,
  given: Partial<Pick<Account, "phone" | "email" | "emailVerifiedAt" | "avatar">> = {},
): Promise<Account> {
  const id = newId();
  const passwordHash = await services.passwords.hash(PASSWORD);
  return Account.create({ id, username: `u-${id}`, passwordHash, role: "user", ...given });
}

/** Begins a sign-in by WeChat: what the picture says, and what to poll with. */
export async function showQr(api: StartedApi) {
  const { status, body } = await post(api, "qrcode", { device_type: "pc" });
  return { status, ...(body as { scene_str: string; session_id: string; qr_code_url: string }) };
}

/** Asks how far a sign-in by WeChat is. */
export const poll = (api: StartedApi, scene: string) =>
  api.call(undefined, "GET", `/api/v1/wechat/poll/${scene}`);

/** Calls a public route of WeChat's. */
export const post = (api: StartedApi, path: string, json: object) =>
  api.call(undefined, "POST", `/api/v1/wechat/${path}`, { json });

/** `user` scans the picture of a new scene, and the page that WeChat leads to hands over their code. */
export async function scanNew(api: StartedApi, wechat: WechatPlatform, user: WechatUser) {
  const { scene_str: scene, qr_code_url } = await showQr(api);
  const state = wechat.stateOf(qr_code_url);
  const answer = await post(api, "callback", { code: wechat.scan(user), state });
  return { scene, answer, sessionToken: answer.body.session_token as string };
}
