import { expect, test } from "vitest";
import { LedgerEntry } from "../../../models/billing/index.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { askForCode, PASSWORD, post, registerByMail } from "../../support/accounts.ts";
import { post as postWechat, scanNew, startWithWechat } from "../../support/federation.ts";
import { startOidc } from "../../support/stand-ins/oidc.ts";
import { makeWechatUser } from "../../support/stand-ins/wechat.ts";

test("whoever registers has the welcome credit, in whatever way they come", async () => {
  const oidc = await startOidc();
  const env = { ...oidc.env, DEV_MESSAGES: "on", WELCOME_CREDIT_FEN: "250" };
  const { api, wechat } = await startWithWechat({ env });

  const byMail = await registerByMail(api);
  const phone = "13800138000";
  const byPhone = await post(api, "/api/v1/auth/register", {
    username: "ben",
    password: PASSWORD,
    phone,
    verification_code: await askForCode(api, { phone }),
  });
  const { sessionToken: session_token } = await scanNew(api, wechat, makeWechatUser());
  const other = "13900139000";
  const byWechat = await postWechat(api, "bind-phone", {
    session_token,
    phone: other,
    verification_code: await askForCode(api, { phone: other }),
  });
  const { authorization_url, login_token } = (await post(api, "/api/v1/auth/oidc/start", {})).body;
  const returned = await oidc.agree(authorization_url, { sub: "cat-1" });
  const byOidc = await post(api, "/api/v1/auth/oidc/callback", { ...returned, login_token });

  const made = [byMail, byPhone, byWechat, byOidc];
  expect(made.map(({ status }) => status)).toEqual([201, 201, 201, 200]);
  for (const { body } of made) {
    const grants = { where: { accountId: body.user.id, kind: "grant", book: "free" } };
    expect(await LedgerEntry.findAll(grants)).toMatchObject([{ amountFen: 250 }]);
  }
  for (const [action, { body }] of [
    ["accounts.wechat-bound", byWechat],
    ["accounts.oidc-linked", byOidc],
  ] as const) {
    expect(await AuditEntry.findAll({ where: { action } })).toMatchObject([
      { subjectId: body.user.id, actorId: body.user.id },
    ]);
  }
});
