import {
  confirmRecharge as confirm,
  Recharge,
  rejectRecharge as reject,
} from "../../../models/billing/index.ts";
import { page } from "../../../models/paging.ts";
import { route } from "../../route.ts";
import {
  presentRecharge,
  RechargeOut,
  RechargesOut,
  RechargesQuery,
  Rejection,
  ThingId,
} from "../../schemas/billing.ts";

const PATH = "/api/v1/admin/recharges";

export const listRecharges = route({
  method: "get",
  path: PATH,
  summary: "What people have paid in or want to, newest first",
  access: "billing:read",
  query: RechargesQuery,
  returns: [200, RechargesOut],
  async handle({ query: { status, ...place } }) {
    const where = status ? { state: status } : {};
    const index = ["recharges", ...(status ? ["state"] : []), "created_at", "id"].join("_");
    const { items, next } = await page(Recharge, { where, question: where, index, ...place });
    return { items: items.map(presentRecharge), next };
  },
});

export const confirmRecharge = route({
  method: "post",
  path: `${PATH}/:id/confirm`,
  summary: "Say that the money has come: it counts at once",
  access: "billing:administer",
  params: ThingId,
  returns: [200, RechargeOut],
  handle: async (call) =>
    presentRecharge(await confirm(call.services.database, call.params.id, call)),
});

export const rejectRecharge = route({
  method: "post",
  path: `${PATH}/:id/reject`,
  summary: "Say that no money came, and why",
  access: "billing:administer",
  params: ThingId,
  body: Rejection,
  returns: [200, RechargeOut],
  handle: async (call) =>
    presentRecharge(await reject(call.services.database, call.params.id, call.body.reason, call)),
});
