import { printYuan } from "../../../domain/money.ts";
import {
  freeBalance,
  listBills,
  listTransactions,
  quote,
  rechargeDirectly,
  requestRecharge,
} from "../../../models/billing/index.ts";
import { balanceFen } from "../../balance.ts";
import { assertAlipay, moneyId, payAddress } from "../../policies/billing.ts";
import { assertPerson } from "../../policies/accounts.ts";
import { findOwn } from "../../policies/accounts/people.ts";
import { Forecast, route } from "../../route.ts";
import { MeOut, presentMe } from "../../schemas/accounts/registration.ts";
import {
  BalanceOut,
  BillsOut,
  EstimateOut,
  presentBill,
  presentTransaction,
  RechargeAcceptedOut,
  RechargeBody,
  StretchQuery,
  TransactionsOut,
  usageOf,
  UsageQuery,
} from "../../schemas/billing.ts";

export const readBalance = route({
  method: "get",
  path: "/api/v1/users/balance",
  summary: "What you may spend: what is held for your work is not in it",
  access: "signed-in",
  returns: [200, BalanceOut],
  async handle({ actor }) {
    assertPerson(actor);
    return { balance: printYuan(await freeBalance(actor.accountId)) };
  },
});

export const recharge = route({
  method: "post",
  path: "/api/v1/users/recharge",
  summary: "Pay in, at `pay_url` if there is one: it counts when it is paid or confirmed",
  access: "signed-in",
  body: RechargeBody,
  returns: [202, RechargeAcceptedOut, [200, MeOut]],
  async handle(call) {
    const { actor, body, services } = call;
    assertPerson(actor);
    const account = await findOwn(actor);
    const description = body.description || "Account recharge";
    const order = {
      id: moneyId(call, "recharge"),
      accountId: account.id,
      amountFen: body.amount,
      description,
    };
    const { database, env } = services;
    if (env.RECHARGE_DIRECT) {
      await rechargeDirectly(database, order, call);
      return new Forecast(presentMe(account, await balanceFen(account)));
    }
    const method = body.method ?? (services.payments.alipay ? "alipay" : "manual");
    if (method === "alipay") assertAlipay(services);
    const recharge = await requestRecharge(database, { ...order, method }, call);
    if (method === "alipay") await services.bus.announce({ type: "outbox.filled", data: {} });
    const where = payAddress(services, recharge);
    return { recharge_id: recharge.id, status: "pending" as const, ...where };
  },
});

export const readTransactions = route({
  method: "get",
  path: "/api/v1/users/transactions",
  summary: "What came to your balance and went from it, newest first",
  access: "signed-in",
  query: StretchQuery,
  returns: [200, TransactionsOut],
  async handle({ actor, query }) {
    assertPerson(actor);
    const { entries, total } = await listTransactions(actor.accountId, query);
    return { transactions: entries.map(presentTransaction), total, ...query };
  },
});

export const readBills = route({
  method: "get",
  path: "/api/v1/users/bills",
  summary: "What you were charged, newest first",
  access: "signed-in",
  query: StretchQuery,
  returns: [200, BillsOut],
  async handle({ actor, query }) {
    assertPerson(actor);
    const { entries, total } = await listBills(actor.accountId, query);
    return { bills: entries.map(presentBill), total, ...query };
  },
});

export const estimateCharge = route({
  method: "get",
  path: "/api/v1/billing/estimate",
  summary: "What a usage would cost now, and by which version of the prices",
  access: "signed-in",
  query: UsageQuery,
  returns: [200, EstimateOut],
  async handle({ query }) {
    const { amountFen, priceVersion } = await quote(usageOf(query));
    return { amount: printYuan(amountFen), price_version: priceVersion };
  },
});
