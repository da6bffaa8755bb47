import { randomBytes } from "node:crypto";
import { refusal } from "../../../domain/errors.ts";
import {
  Account,
  bindWechat,
  bindWithin,
  findScanned,
  register,
} from "../../../models/accounts.ts";
import { newId, sha256 } from "../../../platform/crypto.ts";
import { checkCode, codeInvalid } from "../../policies/accounts/codes.ts";
import { actorOf } from "../../policies/accounts.ts";
import { limitGuesses, limitRegistrations } from "../../policies/accounts/limits.ts";
import { assertSecondProof } from "../../policies/accounts/second-proof.ts";
import { assertWechat, notBound, sessionEnded } from "../../policies/accounts/wechat.ts";
import { route } from "../../route.ts";
import { BindPhoneBody, LinkAccountBody, LinkedOut } from "../../schemas/accounts/wechat.ts";
import type { Services } from "../../services.ts";
import { startSession } from "../../sessions.ts";
import { wechatTokens } from "./wechat.ts";

export const registerByWechat = route({
  method: "post",
  path: "/api/v1/wechat/bind-phone",
  summary: "Register with a scanned WeChat and a phone number, by the code that was sent to it",
  access: "public",
  secret: true,
  body: BindPhoneBody,
  returns: [201, LinkedOut],
  async handle(call) {
    const { body, services, address, requestId } = call;
    assertWechat(services);
    const scanned = await scannedOf(services, address, body.session_token);
    await limitRegistrations(services, address);
    const to = { channel: "phone", address: body.phone } as const;
    const proof = await checkCode(call, to, body.verification_code);
    // Nobody knows it: whoever wants a password sets one by a code to the phone.
    const passwordHash = await services.passwords.hash(randomBytes(32).toString("base64url"));
    const { phone } = body;
    const welcomeFen = services.env.WELCOME_CREDIT_FEN;
    const person = { id: newId(), username: phone, phone, passwordHash, welcomeFen };
    const made = await register(
      services.database,
      person,
      proof,
      { address, requestId },
      async ({ id }, transaction) => {
        const bound = await bindWithin(id, scanned, transaction);
        if ("refused" in bound) throw notBound(bound.refused);
        return { action: "accounts.wechat-bound", after: { openid: scanned.openid } };
      },
    );
    if ("taken" in made) {
      if (made.taken === "code") throw codeInvalid();
      throw refusal("accounts/phone-registered", "该手机号已被注册");
    }
    const signedIn = await startSession(call, made.account);
    if (!signedIn) throw sessionEnded();
    const tokens = await wechatTokens(made.account, signedIn);
    return { success: true as const, message: "注册成功", ...tokens };
  },
});

export const linkWechat = route({
  method: "post",
  path: "/api/v1/wechat/link-account",
  summary: "Bind a scanned WeChat to the account that has this phone number and password",
  access: "public",
  secret: true,
  body: LinkAccountBody,
  returns: [200, LinkedOut],
  async handle(call) {
    const { body, services, address, requestId } = call;
    const { database, passwords } = services;
    assertWechat(services);
    const scanned = await scannedOf(services, address, body.session_token);
    const guesses = limitGuesses(services, "sign-in", address);
    const account = await Account.findOne({ where: { phone: body.phone, isActive: true } });
    const right = await passwords.verify(account?.passwordHash, body.password, guesses.admit);
    if (!account || !right) {
      await guesses.countFailure();
      throw wrongPassword();
    }
    await assertSecondProof(call, account, body.totp);
    const origin = { actor: actorOf(account), address, requestId };
    const bound = await bindWechat(database, account.id, scanned, origin);
    if ("refused" in bound) throw notBound(bound.refused);
    const signedIn = await startSession(call, account, "given");
    if (!signedIn) throw wrongPassword();
    const tokens = await wechatTokens(account, signedIn);
    return { success: true as const, message: "关联成功", ...tokens };
  },
});

function wrongPassword(): Error {
  return refusal("accounts/bad-credentials", "手机号或密码错误");
}

/** The WeChat that waits to be bound by whoever holds this token. */
async function scannedOf(services: Services, address: string, token: string) {
  return limitGuesses(services, "tokens", address).around(async () => {
    const scanned = await findScanned(sha256(token));
    if (!scanned) throw sessionEnded();
    return scanned;
  });
}
