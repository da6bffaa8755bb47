import type { BillingActivities } from "../../../activities/billing/index.ts";
import { PAYMENT_LOOKS_SECONDS, type RechargeState } from "../../../domain/billing.ts";

/** A provider that says so at each look, and the last of it from then on; "away" stands for no answer at all. */
export function fakePayments(...says: (RechargeState | "away")[]) {
  const left = [...says];
  /** Whether each look was the last one. */
  const asked: boolean[] = [];
  const activities: Pick<BillingActivities, "lookForPayment"> = {
    lookForPayment: async ({ isLast }) => {
      asked.push(isLast);
      const said = left.length > 1 ? left.shift()! : left[0]!;
      if (said === "away") throw new Error("Alipay does not answer.");
      return said;
    },
  };
  return { activities, asked };
}

/** How long a payment is waited for. */
export const PAYMENT_MS = PAYMENT_LOOKS_SECONDS.reduce((sum, seconds) => sum + seconds, 0) * 1000;
