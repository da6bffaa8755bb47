import { refusal } from "../../../domain/errors.ts";
import { printYuan } from "../../../domain/money.ts";
import { Account } from "../../../models/accounts.ts";
import {
  findHold,
  Hold,
  orderCapture,
  orderHold,
  orderRefund,
  orderRelease,
} from "../../../models/billing/index.ts";
import { page } from "../../../models/paging.ts";
import { moneyId } from "../../policies/billing.ts";
import { route } from "../../route.ts";
import {
  CapturedOut,
  CaptureBody,
  HoldBody,
  HoldOut,
  HoldsOut,
  HoldsQuery,
  presentHold,
  RefundBody,
  ThingId,
  usageOf,
} from "../../schemas/billing.ts";

const PATH = "/api/v1/admin/holds";

export const listHolds = route({
  method: "get",
  path: PATH,
  summary: "Money that is or was kept for work, and until when, newest first",
  access: "billing:read",
  query: HoldsQuery,
  returns: [200, HoldsOut],
  async handle({ query: { status, ...place } }) {
    const where = status ? { state: status } : {};
    const index = ["holds", ...(status ? ["state"] : []), "created_at", "id"].join("_");
    const { items, next } = await page(Hold, { where, question: where, index, ...place });
    return { items: items.map(presentHold), next };
  },
});

export const holdFunds = route({
  method: "post",
  path: PATH,
  summary:
    "Keep money for a usage, at today's prices or an estimate's; it is free again when its time has come",
  access: "billing:administer",
  body: HoldBody,
  returns: [201, HoldOut],
  async handle(call) {
    const { user_id, usage, price_version, seconds, task_id: taskId, description } = call.body;
    const id = call.body.id ?? moneyId(call, "hold");
    const account = await Account.findByPk(user_id, { attributes: ["id"] });
    if (!account) throw refusal("accounts/user-not-found", "There is no such user.");
    const expiresAt = new Date(Date.now() + seconds * 1000);
    const order = {
      holdId: id,
      accountId: account.id,
      usage: usageOf(usage),
      priceVersion: price_version,
      expiresAt,
    };
    const about = { taskId: taskId ?? null, description: description ?? null };
    return presentHold(await orderHold(call.services.database, { ...order, ...about }, call));
  },
});

export const captureHold = route({
  method: "post",
  path: `${PATH}/:id/capture`,
  summary: "Charge for what was used, at the prices of the hold; the rest is free again",
  access: "billing:administer",
  params: ThingId,
  body: CaptureBody,
  returns: [200, CapturedOut],
  async handle(call) {
    const { params, body, services } = call;
    const operationId = `capture/${body.operation_id ?? moneyId(call, "capture")}`;
    const order = { holdId: params.id, operationId, usage: usageOf(body.usage) };
    const { chargedFen, missingFen } = await orderCapture(services.database, order, call);
    const hold = presentHold(await findHold(params.id));
    return { hold, charged: printYuan(chargedFen), missing: printYuan(missingFen) };
  },
});

export const releaseHold = route({
  method: "post",
  path: `${PATH}/:id/release`,
  summary: "Give back what a hold still keeps",
  access: "billing:administer",
  params: ThingId,
  returns: [200, HoldOut],
  handle: async (call) =>
    presentHold(await orderRelease(call.services.database, call.params.id, call)),
});

export const refundHold = route({
  method: "post",
  path: `${PATH}/:id/refund`,
  summary: "Give charged money back, no more than was charged, with a reason",
  access: "billing:administer",
  params: ThingId,
  body: RefundBody,
  returns: [200, HoldOut],
  async handle(call) {
    const { amount: amountFen, reason: description, operation_id } = call.body;
    const operationId = `refund/${operation_id ?? moneyId(call, "refund")}`;
    const refund = { operationId, holdId: call.params.id, amountFen, description };
    return presentHold(await orderRefund(call.services.database, refund, call));
  },
});
