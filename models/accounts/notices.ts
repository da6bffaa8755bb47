import type { Transaction } from "sequelize";
import { publishNotice } from "../feeds/index.ts";

/** Tells somebody that their password is another one now. */
export async function tellNewPassword(accountId: string, transaction: Transaction): Promise<void> {
  const title = { zh: "密码已更改", en: "Your password was changed" };
  const message = {
    zh: "您的密码已更改，其他登录已退出。如非本人操作，请立即重置密码。",
    en: "Your password was changed, and other sessions were ended. If that was not you, reset it at once.",
  };
  await publishNotice({ accountId, type: "warning", title, message }, transaction);
}
