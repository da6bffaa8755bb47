import { ActivityFailure, isCancellation, log, proxyActivities } from "@temporalio/workflow";
import type {
  AccountActivities,
  CodeOrder,
  InvitationOrder,
  SendResult,
} from "../activities/accounts/index.ts";
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

const { sendInvitation } = proxyActivities<AccountActivities>({
  taskQueue: QUEUES.outbound,
  startToCloseTimeout: "30 seconds",
  heartbeatTimeout: "5 seconds",
  scheduleToCloseTimeout: "1 day",
  retry: { initialInterval: "10 seconds", maximumInterval: "30 minutes" },
  summary: "mail an invitation",
});

/** One code on its way to a person: tried until a provider takes it, refuses it, or nobody waits for it any more. */
export async function codeDelivery(order: CodeOrder): Promise<void> {
  await deliver("a verification code", () => sendCode(order));
}

/** One invitation on its way to a person: tried for a day, for it is found on the platform all the same. */
export async function invitationDelivery(order: InvitationOrder): Promise<void> {
  await deliver("an invitation", () => sendInvitation(order));
}

async function deliver(what: string, send: () => Promise<SendResult>): Promise<void> {
  enterStage("sending");
  try {
    const { outcome, reason } = await send();
    enterStage(outcome, reason);
    if (reason) log.warn(`${what} was not sent`, { reason });
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const reason = error.cause?.message ?? "The provider did not answer.";
    enterStage("failed", reason);
    log.warn(`${what} was not sent`, { reason });
  }
}
