import type { Transaction } from "sequelize";
import { type Fen, printYuan } from "../../domain/money.ts";
import { LIMITS } from "../../domain/limits.ts";
import { publishNotice } from "../feeds/index.ts";
import type { LedgerBalance, Recharge } from "./tables.ts";

const WORDS = {
  paid: {
    type: "success",
    title: { zh: "充值成功", en: "Your payment has come" },
    message: (yuan: string) => ({
      zh: `${yuan} 元已计入您的余额。`,
      en: `${yuan} yuan were added to your balance.`,
    }),
  },
  rejected: {
    type: "warning",
    title: { zh: "充值未通过", en: "Your recharge was rejected" },
    message: (yuan: string) => ({
      zh: `${yuan} 元的充值未通过。`,
      en: `Your recharge of ${yuan} yuan was rejected.`,
    }),
  },
} as const;

/** Tells whoever pays in what was decided of it. */
export async function tellRecharge(
  { id, accountId, amountFen }: Pick<Recharge, "id" | "accountId" | "amountFen">,
  decided: keyof typeof WORDS,
  transaction: Transaction,
): Promise<void> {
  const { type, title, message } = WORDS[decided];
  const said = { type, title, message: message(printYuan(amountFen)) };
  const actionUrl = `/api/v1/users/recharges/${id}`;
  await publishNotice({ accountId, ...said, actionUrl }, transaction);
}

/** Tells somebody that an administrator has corrected their balance, and why. */
export async function tellAdjustment(
  { accountId, amountFen, reason }: { accountId: string; amountFen: Fen; reason: string },
  transaction: Transaction,
): Promise<void> {
  const yuan = printYuan(amountFen);
  const title = { zh: "余额调整", en: "Your balance was adjusted" };
  const message = {
    zh: `管理员将您的余额调整了 ${yuan} 元：${reason}`,
    en: `An administrator adjusted your balance by ${yuan} yuan: ${reason}`,
  };
  await publishNotice({ accountId, type: "info", title, message }, transaction);
}

/** Tells somebody that a charge has left them little, once for each time that they come there. What is held is theirs. */
export async function tellLowBalance(
  { accountId, freeFen, heldFen }: Pick<LedgerBalance, "accountId" | "freeFen" | "heldFen">,
  chargedFen: Fen,
  transaction: Transaction,
): Promise<void> {
  const leftFen = freeFen + heldFen;
  if (leftFen >= LIMITS.lowBalanceFen || leftFen + chargedFen < LIMITS.lowBalanceFen) return;
  const yuan = printYuan(leftFen);
  const title = { zh: "余额不足提醒", en: "Your balance is low" };
  const message = {
    zh: `您的余额还有 ${yuan} 元，请及时充值。`,
    en: `${yuan} yuan are left of your balance. Pay in, so that your work goes on.`,
  };
  const actionUrl = "/api/v1/users/recharge";
  await publishNotice({ accountId, type: "warning", title, message, actionUrl }, transaction);
}
