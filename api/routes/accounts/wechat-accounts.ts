import { refusal } from "../../../domain/errors.ts";
import { Account, bindWechat, findScanned } from "../../../models/accounts.ts";
import { sha256 } from "../../../platform/crypto.ts";
import { actorOf } from "../../policies/accounts.ts";
import { limitGuesses } from "../../policies/accounts/limits.ts";
import { assertSecondProof } from "../../policies/accounts/second-proof.ts";
import { notBound, sessionEnded } from "../../policies/accounts/wechat.ts";
import { route } from "../../route.ts";
import { LinkAccountBody, LinkedOut } from "../../schemas/accounts/wechat.ts";
import type { Services } from "../../services.ts";
import { startSession } from "../../sessions.ts";
import { wechatTokens } from "./wechat.ts";

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
