import { refusal } from "../../../domain/errors.ts";
import { printYuan } from "../../../domain/money.ts";
import { Account } from "../../../models/accounts.ts";
import {
  adjustBalance as adjust,
  LedgerEntry,
  Price,
  reconcileShortfall as reconcile,
  setPrices as set,
  Shortfall,
} from "../../../models/billing/index.ts";
import { page } from "../../../models/paging.ts";
import { moneyId } from "../../policies/billing.ts";
import { route } from "../../route.ts";
import {
  Adjustment,
  BalanceOut,
  LedgerOut,
  LedgerQuery,
  presentEntry,
  presentPrice,
  presentShortfall,
  PriceBody,
  PriceOut,
  PricesOut,
  ShortfallOut,
  ShortfallsOut,
  ShortfallsQuery,
  termsOf,
  ThingId,
} from "../../schemas/billing.ts";
import { PageQuery } from "../../schemas/accounts.ts";

export const adjustBalance = route({
  method: "post",
  path: "/api/v1/admin/users/:id/adjust-balance",
  summary: "Give to a balance or take from it, with a reason; never below nothing",
  access: "billing:administer",
  params: ThingId,
  body: Adjustment,
  returns: [200, BalanceOut],
  async handle(call) {
    const { params, body, services } = call;
    const account = await Account.findByPk(params.id, { attributes: ["id"] });
    if (!account) throw refusal("accounts/user-not-found", "There is no such user.");
    const operationId = `adjustment/${body.operation_id ?? moneyId(call, "adjustment")}`;
    const { amount: amountFen, reason } = body;
    const adjustment = { operationId, accountId: account.id, amountFen, reason };
    return { balance: printYuan(await adjust(services.database, adjustment, call)) };
  },
});

export const listShortfalls = route({
  method: "get",
  path: "/api/v1/admin/shortfalls",
  summary: "What charges could not take, newest first",
  access: "billing:read",
  query: ShortfallsQuery,
  returns: [200, ShortfallsOut],
  async handle({ query: { status, ...place } }) {
    const where = status ? { state: status } : {};
    const index = ["shortfalls", ...(status ? ["state"] : []), "created_at", "id"].join("_");
    const { items, next } = await page(Shortfall, { where, question: where, index, ...place });
    return { items: items.map(presentShortfall), next };
  },
});

export const reconcileShortfall = route({
  method: "post",
  path: "/api/v1/admin/shortfalls/:id/reconcile",
  summary: "Take what a charge could not take, now that the balance covers it",
  access: "billing:administer",
  params: ThingId,
  returns: [200, ShortfallOut],
  handle: async (call) =>
    presentShortfall(await reconcile(call.services.database, call.params.id, call)),
});

export const listPrices = route({
  method: "get",
  path: "/api/v1/admin/prices",
  summary: "Every version of the price book, newest first",
  access: "billing:read",
  query: PageQuery,
  returns: [200, PricesOut],
  async handle({ query }) {
    const { items, next } = await page(Price, { order: [["version", "DESC"]], ...query });
    return { items: items.map(presentPrice), next };
  },
});

export const setPrices = route({
  method: "post",
  path: "/api/v1/admin/prices",
  summary: "Add a version to the price book; what is held already keeps its own",
  access: "billing:administer",
  body: PriceBody,
  returns: [201, PriceOut],
  handle: async (call) => presentPrice(await set(call.services.database, termsOf(call.body), call)),
});

export const listLedger = route({
  method: "get",
  path: "/api/v1/admin/ledger",
  summary: "Every line of the ledger, newest first; with `user_id`, those of one person",
  access: "billing:read",
  query: LedgerQuery,
  returns: [200, LedgerOut],
  async handle({ query: { user_id, ...place } }) {
    const list = user_id
      ? {
          where: { accountId: user_id },
          order: [
            ["sequence", "DESC"],
            ["line", "DESC"],
          ] as const,
          question: { user_id },
          index: "PRIMARY",
        }
      : { index: "ledger_entries_created_at_id" };
    const { items, next } = await page(LedgerEntry, { ...list, ...place });
    return { items: items.map(presentEntry), next };
  },
});
