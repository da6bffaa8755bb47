import { z } from "zod";
import { SCENE_STATES } from "../../../domain/accounts.ts";
import type { Account, WechatIdentity } from "../../../models/accounts.ts";
import { Totp } from "./totp.ts";

const Code = z.string().min(1).max(512);
const SessionToken = z.string().min(1).max(255);
const Phone = z.string().regex(/^1[3-9]\d{9}$/, "手机号格式不正确");

export const QrBody = z.strictObject({ device_type: z.string().min(1).max(20) });
export const QrOut = z.strictObject({
  scene_str: z.string(),
  session_id: z.string(),
  qr_code_url: z.string(),
  expires_in: z.int(),
});

export const SceneParams = z.strictObject({ scene_str: z.string().max(128) });

/** The account as these routes show it. */
export const WechatUserOut = z.strictObject({
  id: z.uuid(),
  username: z.string(),
  phone: z.string().nullable(),
  email: z.string().nullable(),
  avatar: z.string().nullable(),
});

const Tokens = {
  user: WechatUserOut,
  access_token: z.string(),
  refresh_token: z.string(),
  expires_in: z.int(),
};

export const PollOut = z.strictObject({
  status: z.enum([...SCENE_STATES, "expired"]),
  need_bind_phone: z.boolean().optional(),
  session_token: z.string().optional(),
  ...z.strictObject(Tokens).partial().shape,
});

export const CallbackBody = z.strictObject({
  code: Code,
  state: z.string().max(128).optional(),
});

export const CallbackOut = z.strictObject({
  openid: z.string(),
  user_exists: z.boolean(),
  need_bind_phone: z.boolean(),
  session_token: z.string().optional(),
  ...z.strictObject(Tokens).partial().shape,
});

export const BindPhoneBody = z.strictObject({
  session_token: SessionToken,
  phone: Phone,
  verification_code: z.string().regex(/^\d{6}$/, "must be six digits"),
});

export const LinkAccountBody = z.strictObject({
  session_token: SessionToken,
  phone: Phone,
  password: z.string().min(6).max(200),
  totp: Totp.optional(),
});

export const LinkedOut = z.strictObject({
  success: z.literal(true),
  message: z.string(),
  ...Tokens,
});

export const BindBody = z.strictObject({ code: Code });
export const BoundOut = z.strictObject({
  success: z.literal(true),
  message: z.string(),
  wechat_nickname: z.string().nullable(),
  wechat_avatar: z.string().nullable(),
  bound_at: z.iso.datetime({ offset: true }),
});

/** With their own picture, or that of their WeChat. */
export function presentWechatUser(
  account: Account,
  wechat: Pick<WechatIdentity, "avatar">,
): z.input<typeof WechatUserOut> {
  const { id, username, phone, email } = account;
  return { id, username, phone, email, avatar: account.avatar ?? wechat.avatar };
}
