import { ActivityFailure, isCancellation, log, proxyActivities } from "@temporalio/workflow";
import type { AccountActivities, CodeOrder } from "../activities/accounts/index.ts";
import { QUEUES } from "../domain/queues.ts";
import { enterStage } from "./helpers/stage.ts";

const { sendCode } = proxyActivities<AccountActivities>({
  taskQueue: QUEUES.outbound,
  startToCloseTimeout: "30 seconds",
  heartbeatTimeout: "5 seconds",
  // Whoever waits for a code has asked for another one by then.
  scheduleToCloseTimeout: "5 minutes",
  retry: { initialInterval: "2 seconds", maximumInterval: "30 seconds" },
  summary: "send a verification code",
});

/** One code on its way to a person: tried until a provider takes it, refuses it, or nobody waits for it any more. */
export async function codeDelivery(order: CodeOrder): Promise<void> {
  enterStage("sending");
  try {
    const { outcome, reason } = await sendCode(order);
    enterStage(outcome, reason);
    if (reason) log.warn("a verification code was not sent", { reason });
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const reason = error.cause?.message ?? "The provider did not answer.";
    enterStage("failed", reason);
    log.warn("a verification code was not sent", { reason });
  }
}
