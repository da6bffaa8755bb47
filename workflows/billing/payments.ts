import { ActivityFailure, isCancellation, proxyActivities, sleep } from "@temporalio/workflow";
import type { BillingActivities } from "../../activities/billing/index.ts";
import { PAYMENT_LOOKS_SECONDS, type RechargeState } from "../../domain/billing.ts";
import { QUEUES } from "../../domain/queues.ts";
import { openParking } from "../helpers/parking.ts";
import { enterStage } from "../helpers/stage.ts";

const look = {
  taskQueue: QUEUES.outbound,
  startToCloseTimeout: "30 seconds",
  heartbeatTimeout: "5 seconds",
  summary: "ask the provider for the payment",
} as const;

const { lookForPayment } = proxyActivities<BillingActivities>({
  ...look,
  scheduleToCloseTimeout: "1 minute",
  retry: { maximumInterval: "20 seconds" },
});

const { lookForPayment: lookLast } = proxyActivities<BillingActivities>({
  ...look,
  // Money may have been taken: somebody's trouble of an afternoon is waited for.
  scheduleToCloseTimeout: "1 day",
  retry: { maximumInterval: "30 minutes" },
});

const LOOKS = PAYMENT_LOOKS_SECONDS.length;

/**
 * Waits for somebody to pay at a provider. Notifications of payments count when they come; this asks for those that never
 * come, and ends what nobody paid. Where the provider does not say, a person decides: `retry` asks again, `abort` leaves
 * the recharge as it is.
 */
export async function rechargePayment({ rechargeId }: { rechargeId: string }): Promise<void> {
  const parking = openParking();
  enterStage("waiting");
  for (const [index, seconds] of PAYMENT_LOOKS_SECONDS.entries()) {
    await sleep(`${seconds} seconds`, { summary: `look ${index + 1} of ${LOOKS}` });
    if (index + 1 === LOOKS) break;
    const state = await told(() => lookForPayment({ rechargeId, isLast: false }));
    if (state && state !== "pending") return enterStage(state);
  }
  for (;;) {
    enterStage("ending");
    const state = await told(() => lookLast({ rechargeId, isLast: true }));
    if (state) return enterStage(state);
    enterStage("parked", "billing/provider-silent");
    const decision = await parking.wait(async () => undefined);
    if (decision?.action === "abort") return enterStage("given-up");
  }
}

/** What a look found; undefined when nobody could say. */
async function told(asking: () => Promise<RechargeState>): Promise<RechargeState | undefined> {
  try {
    return await asking();
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    return undefined;
  }
}
