import { refusal } from "../../../domain/errors.ts";
import { findRecharge, settleRecharge } from "../../../models/billing/index.ts";
import { ALIPAY_NOTIFICATION_PATH, PaymentFailure } from "../../../platform/payments/index.ts";
import { assertAlipay, payAddress } from "../../policies/billing.ts";
import { route } from "../../route.ts";
import {
  AlipayNotification,
  OwnRechargeOut,
  presentOwnRecharge,
  ThingId,
} from "../../schemas/billing.ts";

export const readRecharge = route({
  method: "get",
  path: "/api/v1/users/recharges/:id",
  summary: "How your own recharge stands, and where it is paid while it can be",
  access: "signed-in",
  params: ThingId,
  returns: [200, OwnRechargeOut],
  async handle({ actor, params, services }) {
    const recharge = await findRecharge(params.id, null, { accountId: actor.accountId });
    return presentOwnRecharge(recharge, payAddress(services, recharge));
  },
});

export const noteAlipayPayment = route({
  method: "post",
  path: ALIPAY_NOTIFICATION_PATH,
  summary: "Alipay tells of a payment: signed by it, as often as it likes, in any order",
  access: "public",
  body: AlipayNotification,
  bodyType: "application/x-www-form-urlencoded",
  returns: "page",
  async handle({ body, services, address, requestId }) {
    const report = readNotification(assertAlipay(services), body);
    if (report.state === "paid" && !report.isRefund) {
      await settleRecharge(services.database, report, { actor: null, address, requestId });
    }
    // The word by which Alipay stops telling.
    return { contentType: "text/plain; charset=utf-8", body: "success" };
  },
});

function readNotification(alipay: ReturnType<typeof assertAlipay>, body: Record<string, string>) {
  try {
    return alipay.readNotification(body);
  } catch (error) {
    if (error instanceof PaymentFailure)
      throw refusal("billing/notification-invalid", error.message);
    throw error;
  }
}
