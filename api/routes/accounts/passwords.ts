import { resetPassword, setPassword } from "../../../models/accounts.ts";
import { assertPerson } from "../../policies/accounts.ts";
import { checkCode, codeInvalid, type Recipient } from "../../policies/accounts/codes.ts";
import { assertPassword, hashNewPassword } from "../../policies/accounts/passwords.ts";
import { findOwn } from "../../policies/accounts/people.ts";
import { route } from "../../route.ts";
import { Done } from "../../schemas/accounts.ts";
import { ChangePasswordBody, ResetPasswordBody } from "../../schemas/accounts/registration.ts";

export const resetOwnPassword = route({
  method: "post",
  path: "/api/v1/auth/reset-password",
  summary: "Set a new password by a code that was sent to your phone or confirmed e-mail address",
  access: "public",
  secret: true,
  body: ResetPasswordBody,
  returns: [200, Done],
  async handle(call) {
    const { body, services, address, requestId } = call;
    const to: Recipient =
      "phone" in body
        ? { channel: "phone", address: body.phone }
        : { channel: "email", address: body.email };
    const proof = await checkCode(call, to, body.verification_code);
    const passwordHash = await hashNewPassword(services, body.password, "password");
    const origin = { address, requestId };
    if (!(await resetPassword(services.database, proof, passwordHash, origin))) throw codeInvalid();
    return { message: "Password changed: sign in with it", success: true as const };
  },
});

export const changeOwnPassword = route({
  method: "put",
  path: "/api/v1/users/me/password",
  summary: "Change your password; all your other sessions end",
  access: "signed-in",
  secret: true,
  body: ChangePasswordBody,
  returns: [200, Done],
  async handle({ actor, body, services, address, requestId }) {
    assertPerson(actor);
    const account = await findOwn(actor);
    await assertPassword({ services, address }, account, body.current_password);
    const hash = await hashNewPassword(services, body.new_password, "new_password");
    const origin = { actor, address, requestId };
    await setPassword(services.database, account.id, hash, origin, actor.sessionId);
    return { message: "Password changed", success: true as const };
  },
});
