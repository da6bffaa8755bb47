import type { z } from "zod";
import { refusal } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import {
  Account,
  bindWechat,
  collectScene,
  findByWechat,
  findScene,
  noteScan,
  openScanned,
  openScene,
  unbindWechat,
  wechatOf,
  type WechatScene,
} from "../../../models/accounts.ts";
import { makeSecret, newId, sha256 } from "../../../platform/crypto.ts";
import { assertPerson } from "../../policies/accounts.ts";
import { limitGuesses, limitSignInStarts } from "../../policies/accounts/limits.ts";
import {
  assertWechat,
  identifyByWechat,
  makeNobodysScene,
  makeWechatSession,
  notBound,
  readWechatSession,
  sessionEnded,
} from "../../policies/accounts/wechat.ts";
import { route } from "../../route.ts";
import { Done } from "../../schemas/accounts.ts";
import {
  BindBody,
  BoundOut,
  CallbackBody,
  CallbackOut,
  PollOut,
  presentWechatUser,
  QrBody,
  QrOut,
  SceneParams,
} from "../../schemas/accounts/wechat.ts";
import { type SignInCall, startSession } from "../../sessions.ts";

export const showWechatQr = route({
  method: "post",
  path: "/api/v1/wechat/qrcode",
  summary: "Begin a sign-in by WeChat: the address of the picture to scan, and what to poll with",
  access: "public",
  secret: true,
  body: QrBody,
  returns: [200, QrOut],
  async handle({ body, services, address }) {
    const wechat = assertWechat(services);
    await limitSignInStarts(services, address);
    const { secret: scene, hash } = makeSecret("scene");
    const row = { id: newId(), hash, deviceType: body.device_type };
    await openScene(services.database, row);
    return {
      scene_str: scene,
      session_id: scene,
      qr_code_url: wechat.qrAddress(`${scene}#${newId()}`),
      expires_in: LIMITS.sceneSeconds,
    };
  },
});

export const pollWechat = route({
  method: "get",
  path: "/api/v1/wechat/poll/:scene_str",
  summary: "How far a sign-in by WeChat is, and what it needs; its tokens are handed out once",
  access: "public",
  secret: true,
  params: SceneParams,
  returns: [200, PollOut],
  async handle(call) {
    const { params, services, address } = call;
    assertWechat(services);
    const guesses = limitGuesses(services, "tokens", address);
    const scene = await guesses.around(() => sceneOf(params.scene_str));
    if (scene.expiresAt <= new Date()) return { status: "expired" as const };
    switch (scene.state) {
      case "pending":
        return { status: scene.state };
      case "scanned": {
        const session_token = readWechatSession(services, scene);
        return { status: scene.state, need_bind_phone: true, session_token };
      }
      case "confirmed":
        return collect(call, scene);
    }
  },
});

export const callBackFromWechat = route({
  method: "post",
  path: "/api/v1/wechat/callback",
  summary: "Hand over the code that WeChat led back with: a sign-in, or what to bind the WeChat by",
  access: "public",
  secret: true,
  body: CallbackBody,
  returns: [200, CallbackOut],
  async handle(call) {
    const { body, services, address } = call;
    assertWechat(services);
    const scene = body.state?.split("#")[0];
    const guesses = limitGuesses(services, "tokens", address);
    const person = await guesses.around(async () => {
      if (scene !== undefined) await assertPending(scene);
      return identifyByWechat(services, body.code);
    });
    const identity = await findByWechat(person);
    const session = makeWechatSession(services);
    const scan = identity ? { accountId: identity.accountId } : session.row;
    if (scene !== undefined) {
      if (!(await noteScan(services.database, sha256(scene), person, scan))) throw sessionEnded();
    } else if (!identity) {
      await openScanned(services.database, makeNobodysScene(), person, scan);
    }
    const { openid } = person;
    if (!identity) {
      const session_token = session.token;
      return { openid, user_exists: false, need_bind_phone: true, session_token };
    }
    const tokens = await signInByWechat(call, identity.accountId);
    return { openid, user_exists: true, need_bind_phone: false, ...tokens };
  },
});

export const bindOwnWechat = route({
  method: "post",
  path: "/api/v1/wechat/bind",
  summary: "Bind a WeChat to your account, by a code that it led back with",
  access: "signed-in",
  body: BindBody,
  returns: [200, BoundOut],
  async handle({ actor, body, services, address, requestId }) {
    assertPerson(actor);
    const guesses = limitGuesses(services, "tokens", address);
    const person = await guesses.around(() => identifyByWechat(services, body.code));
    const origin = { actor, address, requestId };
    const bound = await bindWechat(services.database, actor.accountId, person, origin);
    if ("refused" in bound) throw notBound(bound.refused);
    const { nickname, avatar, boundAt } = bound.identity;
    return {
      success: true as const,
      message: "绑定成功",
      wechat_nickname: nickname,
      wechat_avatar: avatar,
      bound_at: boundAt.toISOString(),
    };
  },
});

export const unbindOwnWechat = route({
  method: "delete",
  path: "/api/v1/wechat/unbind",
  summary: "Take the WeChat from your account",
  access: "signed-in",
  returns: [200, Done],
  async handle({ actor, services, address, requestId }) {
    assertPerson(actor);
    const origin = { actor, address, requestId };
    if (!(await unbindWechat(services.database, actor.accountId, origin))) {
      throw refusal("accounts/wechat-none", "未绑定微信");
    }
    return { message: "解绑成功", success: true as const };
  },
});

async function sceneOf(scene: string): Promise<WechatScene> {
  const row = await findScene(sha256(scene));
  if (row) return row;
  throw refusal("accounts/wechat-session-not-found", "会话不存在");
}

/** A code is good once: it is not spent for a scene that waits for none. */
async function assertPending(scene: string): Promise<void> {
  const { state, expiresAt } = await sceneOf(scene);
  if (state !== "pending" || expiresAt <= new Date()) throw sessionEnded();
}

/** Of many polls one gets the tokens. */
async function collect(call: SignInCall, scene: WechatScene): Promise<z.input<typeof PollOut>> {
  const confirmed = { status: "confirmed" as const, need_bind_phone: false };
  if (!(await collectScene(call.services.database, scene.id))) return confirmed;
  return { ...confirmed, ...(await signInByWechat(call, scene.accountId!)) };
}

/** Signs in whoever's WeChat was shown. */
async function signInByWechat(call: SignInCall, accountId: string) {
  const account = await Account.findByPk(accountId);
  const signedIn = account?.isActive ? await startSession(call, account) : undefined;
  if (!account || !signedIn) throw refusal("accounts/bad-credentials", "This account is closed.");
  return wechatTokens(account, signedIn);
}

/** Tokens as the routes of WeChat show them. */
export async function wechatTokens(
  account: Account,
  signedIn: NonNullable<Awaited<ReturnType<typeof startSession>>>,
) {
  const { access_token, refresh_token, expires_in } = signedIn;
  const identity = await wechatOf(account.id);
  const user = presentWechatUser(account, identity ?? { avatar: null });
  return { user, access_token, refresh_token, expires_in };
}
