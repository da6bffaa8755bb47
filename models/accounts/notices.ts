import { Op, type Transaction, type WhereOptions } from "sequelize";
import { publishNotice } from "../feeds/index.ts";
import { Session } from "./tables.ts";

/** Tells somebody that their password is another one now. */
export async function tellNewPassword(accountId: string, transaction: Transaction): Promise<void> {
  const title = { zh: "密码已更改", en: "Your password was changed" };
  const message = {
    zh: "您的密码已更改，其他登录已退出。如非本人操作，请立即重置密码。",
    en: "Your password was changed, and other sessions were ended. If that was not you, reset it at once.",
  };
  await publishNotice({ accountId, type: "warning", title, message }, transaction);
}

/**
 * Tells somebody that they were signed in from where none of their sessions is known to be. The first session is no news.
 */
export async function tellNewSession(
  {
    id,
    accountId,
    address,
    userAgent,
  }: Pick<Session, "id" | "accountId" | "address" | "userAgent">,
  transaction: Transaction,
): Promise<void> {
  const others = { accountId, id: { [Op.ne]: id } };
  const find = (where: WhereOptions<Session>) =>
    Session.findOne({ attributes: ["id"], where, transaction });
  if (!(await find(others)) || (await find({ ...others, address, userAgent }))) return;
  const from = userAgent ? `${address} (${userAgent})` : address;
  const title = { zh: "新的登录", en: "New sign-in" };
  const message = {
    zh: `您的账号刚刚从 ${from} 登录。如非本人操作，请立即修改密码并退出其他登录。`,
    en: `You were signed in from ${from}. If that was not you, change your password and end your sessions at once.`,
  };
  await publishNotice(
    { accountId, type: "warning", title, message, actionUrl: "/api/v1/auth/sessions" },
    transaction,
  );
}
