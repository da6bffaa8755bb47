import { MockActivityEnvironment } from "@temporalio/testing";
import { expect, onTestFinished, test } from "vitest";
import { createBillingActivities } from "../../../activities/billing/index.ts";
import {
  findRecharge,
  freeBalance,
  paymentEnd,
  requestRecharge,
} from "../../../models/billing/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { readEnv } from "../../../platform/env.ts";
import { openPayments } from "../../../platform/payments/index.ts";
import { openTestDatabase } from "../../support/database.ts";
import { startAlipay } from "../../support/stand-ins/alipay.ts";
import { ORIGIN } from "../../support/webhooks.ts";

/** Looks at recharges that are paid at the Alipay beside it. */
async function start() {
  const database = await openTestDatabase();
  const alipay = await startAlipay();
  const payments = openPayments(readEnv(alipay.env).payments, "https://pay.example");
  onTestFinished(() => payments.close());
  const { lookForPayment } = createBillingActivities({ database, payments });
  const accountId = newId();
  const begin = async () => {
    const money = { id: newId(), accountId, amountFen: 500, description: "Account recharge" };
    const recharge = await requestRecharge(database, { ...money, method: "alipay" }, ORIGIN);
    const order = { ...money, subject: money.description, expiresAt: paymentEnd(recharge) };
    return { id: recharge.id, payUrl: payments.alipay!.addressOf(order) };
  };
  const look = (rechargeId: string, isLast = false) =>
    new MockActivityEnvironment().run(lookForPayment, { rechargeId, isLast });
  return { alipay, accountId, begin, look };
}

test("a payment of which no notification came is found, and counts once", async () => {
  const { alipay, accountId, begin, look } = await start();
  const { id, payUrl } = await begin();
  expect(await look(id)).toBe("pending");

  const trade = await alipay.open(payUrl);
  expect(await look(id)).toBe("pending");
  await expect(look(id, true)).rejects.toThrow(/still waits/);
  trade.trade_status = "TRADE_SUCCESS";

  expect([await look(id), await look(id, true)]).toEqual(["paid", "paid"]);
  expect(await freeBalance(accountId)).toBe(500);
  expect(await findRecharge(id)).toMatchObject({ providerReference: trade.trade_no });
});

test("what nobody paid ends, and what is another amount counts for nothing", async () => {
  const { alipay, accountId, begin, look } = await start();
  const [never, closed, less] = [await begin(), await begin(), await begin()];
  (await alipay.open(closed.payUrl)).trade_status = "TRADE_CLOSED";
  Object.assign(await alipay.open(less.payUrl), {
    trade_status: "TRADE_SUCCESS",
    total_amount: "0.01",
  });

  expect(await look(never.id, true)).toBe("expired");
  expect(await look(closed.id)).toBe("expired");
  await expect(look(less.id)).rejects.toThrow(/another amount/);
  alipay.instead("<html>");
  const last = await begin();
  await expect(look(last.id, true)).rejects.toThrow(/no JSON/);

  expect((await findRecharge(last.id)).state).toBe("pending");
  expect(await freeBalance(accountId)).toBe(0);
});
