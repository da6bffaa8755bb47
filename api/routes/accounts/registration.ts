import type { Transaction } from "sequelize";
import { refusal } from "../../../domain/errors.ts";
import {
  type Account,
  findByLogin,
  register,
  sendStoredCode,
  storeCode,
  verifyEmail,
} from "../../../models/accounts.ts";
import { newId } from "../../../platform/crypto.ts";
import {
  assertCarrier,
  checkCode,
  codeInvalid,
  makeCode,
  type Recipient,
  sendCodeTo,
} from "../../policies/accounts/codes.ts";
import { limitCodes, limitRegistrations } from "../../policies/accounts/limits.ts";
import { hashNewPassword } from "../../policies/accounts/passwords.ts";
import { takenBy } from "../../policies/accounts/people.ts";
import { route } from "../../route.ts";
import { Done } from "../../schemas/accounts.ts";
import {
  RegisterBody,
  RegisterOut,
  SendCodeBody,
  SendCodeOut,
  VerifyEmailBody,
} from "../../schemas/accounts/registration.ts";
import type { Services } from "../../services.ts";
import { startSession } from "../../sessions.ts";

export const sendCode = route({
  method: "post",
  path: "/api/v1/auth/send-code",
  summary: "Send six digits to a phone, or by mail to the address of an account",
  access: "public",
  body: SendCodeBody,
  returns: [200, SendCodeOut],
  async handle(call) {
    const { body, services, address, requestId } = call;
    const to: Recipient =
      "phone" in body
        ? { channel: "phone", address: body.phone }
        : { channel: "email", address: body.email };
    const carrier = assertCarrier(services, to.channel);
    await limitCodes(services, to.address, address);
    // Strangers get no mail from us, and whoever asks does not learn who is one: not by a code that was just sent either.
    const isWanted = to.channel === "phone" || (await findByLogin(to.address)) !== null;
    if (isWanted && !(await sendCodeTo(call, to)) && to.channel === "phone") {
      throw refusal("accounts/code-too-soon", "验证码已发送，请60秒后再试");
    }
    const message = carrier === "development" ? "验证码已发送（演示模式）" : "验证码已发送";
    return { success: true as const, message, request_id: requestId };
  },
});

export const registerPerson = route({
  method: "post",
  path: "/api/v1/auth/register",
  summary: "Register by phone with the code that was sent to it, or by e-mail",
  access: "public",
  secret: true,
  body: RegisterBody,
  returns: [201, RegisterOut],
  async handle(call) {
    const { body, services, address, requestId } = call;
    const byMail = "email" in body;
    if (byMail) assertCarrier(services, "email");
    await limitRegistrations(services, address);
    const proof = byMail
      ? undefined
      : await checkCode(call, { channel: "phone", address: body.phone }, body.verification_code);
    const passwordHash = await hashNewPassword(services, body.password, "password");
    const { username } = body;
    const welcomeFen = services.env.WELCOME_CREDIT_FEN;
    const person = { id: newId(), username, passwordHash, welcomeFen };
    const made = await register(
      services.database,
      byMail
        ? { ...person, email: body.email, claimedPhone: body.phone ?? undefined }
        : { ...person, phone: body.phone },
      proof,
      { address, requestId },
      (account, transaction) => mailFirstCode(services, account, requestId, transaction),
    );
    if ("taken" in made) throw takenBy(made, "registered");
    if (byMail) await services.bus.announce({ type: "outbox.filled", data: {} });
    const signedIn = await startSession(call, made.account);
    if (!signedIn) throw refusal("accounts/bad-credentials", "Incorrect email or password");
    return { ...signedIn, ...(byMail && { email_verified: signedIn.user.email_verified }) };
  },
});

export const confirmEmail = route({
  method: "post",
  path: "/api/v1/auth/verify-email",
  summary: "Confirm an e-mail address by the code that was mailed to it",
  access: "public",
  body: VerifyEmailBody,
  returns: [200, Done],
  async handle(call) {
    const { body, services, address, requestId } = call;
    const to: Recipient = { channel: "email", address: body.email };
    const proof = await checkCode(call, to, body.verification_code);
    if (!(await verifyEmail(services.database, proof, { address, requestId }))) throw codeInvalid();
    return { message: "E-mail address verified", success: true as const };
  },
});

/** With a registration by mail goes the code that confirms its address. */
async function mailFirstCode(
  services: Services,
  { email }: Account,
  requestId: string,
  transaction: Transaction,
): Promise<void> {
  if (email === null) return;
  const code = makeCode(services, { channel: "email", address: email });
  // Whoever lost the address may have asked for one a moment ago: that one still counts.
  if (await storeCode(code, transaction)) await sendStoredCode(code, requestId, transaction);
}
