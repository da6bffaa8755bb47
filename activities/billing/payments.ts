import { ApplicationFailure, cancellationSignal } from "@temporalio/activity";
import type { RechargeState } from "../../domain/billing.ts";
import { expireRecharge, findRecharge, settleRecharge } from "../../models/billing/index.ts";
import type { BillingTools } from "./tools.ts";

interface Look {
  rechargeId: string;
  /** True when it can no longer be paid. */
  isLast: boolean;
}

/** Everything here may run twice. Each comment says why that does no harm. */
export function createPaymentActivities({ database, payments }: BillingTools) {
  return {
    /**
     * Asks the provider for a payment of which we know nothing yet; what nobody paid ends with the last look. Twice: it
     * is asked again, and what it says counts once.
     */
    async lookForPayment(this: void, { rechargeId, isLast }: Look): Promise<RechargeState> {
      const { state, amountFen } = await findRecharge(rechargeId);
      if (state !== "pending") return state;
      const { alipay } = payments;
      if (!alipay) throw failure("No ALIPAY_APP_ID is configured here: nobody can be asked.");
      const report = await alipay.find(rechargeId, cancellationSignal());
      if (report?.state === "paid") {
        if (report.amountFen !== amountFen) throw failure("Alipay took another amount.");
        const settled = await settleRecharge(database, report, { actor: null });
        return settled.state;
      }
      if (report?.state === "waiting" && isLast) throw failure("Alipay still waits for the payer.");
      if (report?.state !== "closed" && !isLast) return "pending";
      const expired = await expireRecharge(database, rechargeId);
      return expired.state;
    },
  };
}

function failure(reason: string): ApplicationFailure {
  return ApplicationFailure.retryable(reason, "PaymentFailure");
}
