import { changePerson } from "../../../models/accounts.ts";
import { balanceFen } from "../../balance.ts";
import { assertPerson } from "../../policies/accounts.ts";
import { assertCarrier, checkCode, sendCodeTo } from "../../policies/accounts/codes.ts";
import { limitCodes } from "../../policies/accounts/limits.ts";
import { assertPassword } from "../../policies/accounts/passwords.ts";
import { findOwn, takenBy } from "../../policies/accounts/people.ts";
import { route } from "../../route.ts";
import { MeBody, MeOut, presentMe } from "../../schemas/accounts/registration.ts";

export const readMe = route({
  method: "get",
  path: "/api/v1/users/me",
  summary: "Your own account",
  access: "signed-in",
  returns: [200, MeOut],
  async handle({ actor }) {
    const account = await findOwn(actor);
    return presentMe(account, await balanceFen(account));
  },
});

export const changeMe = route({
  method: "put",
  path: "/api/v1/users/me",
  summary: "Change your own account; what is not sent stays",
  access: "signed-in",
  body: MeBody,
  returns: [200, MeOut],
  async handle(call) {
    const { actor, body, services, address, requestId } = call;
    assertPerson(actor);
    const account = await findOwn(actor);
    const { username, email, phone, avatar, verification_code: digits } = body;
    const newEmail = email !== undefined && email !== account.email ? email : undefined;
    if (newEmail !== undefined) {
      if (account.emailVerifiedAt) await assertPassword(call, account, body.current_password);
      assertCarrier(services, "email");
      await limitCodes(services, newEmail, address);
    }
    const proof =
      phone !== undefined && digits !== undefined
        ? await checkCode(call, { channel: "phone", address: phone }, digits)
        : undefined;
    const changes = { username, email, phone, avatar };
    const origin = { actor, address, requestId };
    const changed = await changePerson(services.database, account, changes, proof, origin);
    if ("taken" in changed) throw takenBy(changed, "exists");
    if (newEmail !== undefined) await sendCodeTo(call, { channel: "email", address: newEmail });
    return presentMe(changed.account, await balanceFen(account));
  },
});
