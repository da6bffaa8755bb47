import { refusal } from "../../../domain/errors.ts";
import type { Bound, WechatScene } from "../../../models/accounts.ts";
import { deriveKey, makeSecret, newId, seal, sha256, unseal } from "../../../platform/crypto.ts";
import { WechatFailure, type WechatPerson } from "../../../platform/federation/index.ts";
import type { Services } from "../../services.ts";

/** The way to WeChat; refuses when there is none, so that nothing is promised. */
export function assertWechat({ federation }: Pick<Services, "federation">) {
  if (federation.wechat) return federation.wechat;
  const message = "Nobody signs in by WeChat on this platform: see WECHAT_APP_ID.";
  throw refusal("accounts/wechat-not-configured", message);
}

/** Whom a code stands for, by WeChat's word. Refuses in the sentences of the client contract. */
export async function identifyByWechat(
  services: Pick<Services, "federation" | "log">,
  code: string,
): Promise<WechatPerson> {
  try {
    return await assertWechat(services).identify(code);
  } catch (error) {
    if (!(error instanceof WechatFailure)) throw error;
    services.log.warn({ reason: error.message }, "wechat did not say who somebody is");
    throw refusal(error.isAway ? "accounts/wechat-away" : "accounts/wechat-refused", error.message);
  }
}

/** What binds a scanned WeChat to an account, for its holder and for its row. */
export function makeWechatSession({ secretKey }: Pick<Services, "secretKey">) {
  const { secret, hash } = makeSecret("wechat");
  // Sealed to its own digest: the scene that it is for may not be there yet.
  const sealed = seal(deriveKey(secretKey, "columns"), secret, placeOf(hash));
  return { token: secret, row: { sessionHash: hash, sessionSealed: sealed } };
}

/** The same again, for whoever polls. */
export function readWechatSession(
  { secretKey }: Pick<Services, "secretKey">,
  { sessionHash, sessionSealed }: WechatScene,
): string {
  return unseal(deriveKey(secretKey, "columns"), sessionSealed!, placeOf(sessionHash!));
}

/** A scene that nobody polls for. */
export function makeNobodysScene() {
  return { id: newId(), hash: sha256(newId()) };
}

function placeOf(sessionHash: string): string {
  return `wechat_scenes.session_sealed/${sessionHash}`;
}

/** Of a scene that ended, was used, or never was one. */
export function sessionEnded(): Error {
  return refusal("accounts/wechat-session-ended", "会话无效");
}

/** Why a WeChat was not bound. */
export function notBound(refused: Extract<Bound, { refused: string }>["refused"]): Error {
  switch (refused) {
    case "taken":
      return refusal("accounts/wechat-taken", "该微信已被其他账号绑定");
    case "another":
      return refusal("accounts/wechat-other", "该账号已绑定其他微信");
    case "ended":
      return sessionEnded();
  }
}
