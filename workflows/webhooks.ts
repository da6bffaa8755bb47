import {
  CancellationScope,
  condition,
  defineUpdate,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
} from "@temporalio/workflow";
import type { DeliveryOrder, DeliveryRecord, TryResult } from "../activities/webhooks/contract.ts";
import type { WebhookActivities } from "../activities/webhooks/index.ts";
import { QUEUES } from "../domain/queues.ts";
import { pauseAfter, RETRY_PAUSES_SECONDS } from "../domain/webhooks.ts";
import { enterStage } from "./helpers/stage.ts";

const TRIES = RETRY_PAUSES_SECONDS.length + 1;

const { recordDelivery } = proxyActivities<WebhookActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 seconds",
  retry: { maximumInterval: "10 seconds" },
  summary: "record where the delivery stands",
});

/** The delivery is to be sent again, at once and by the whole schedule. Twice is harmless: the round is the same. */
export const sendAgain = defineUpdate<void, [{ round: number }]>("sendAgain");

/** One event on its way to one address: tried until it is taken, the address is gone, or the last try has failed. */
export async function webhookDelivery(order: DeliveryOrder): Promise<void> {
  let asked = order.round;
  setHandler(sendAgain, ({ round }) => void (asked = Math.max(asked, round)), {
    description: "Send it again at once, and then by the whole schedule.",
  });
  let round = 0;
  try {
    while (round < asked) {
      round = asked;
      await deliver({ ...order, round }, () => asked > round);
    }
  } catch (error) {
    if (isCancellation(error)) {
      const ended = { state: "failed", reason: "The delivery was cancelled." } as const;
      await CancellationScope.nonCancellable(() => record({ ...order, round }, ended));
    }
    throw error;
  }
}

/** One round: every try of the schedule, until one ends it or a later round was asked for. */
async function deliver(order: DeliveryOrder, isOvertaken: () => boolean): Promise<void> {
  for (let number = 1; ; number++) {
    enterStage("sending");
    showStatus(order, `try ${number} of ${TRIES} is under way`);
    const tried = await attempt(order, number);
    if (isOvertaken()) return;
    const ended = endOf(tried);
    if (ended) {
      if (ended.record) await record(order, ended.record);
      enterStage(ended.stage);
      showStatus(order, ended.stage, tried.reason);
      return;
    }
    const { retryAfterSeconds, reason = "" } = tried;
    const pauseSeconds = pauseAfter(number, { retryAfterSeconds, luck: Math.random() });
    if (pauseSeconds === undefined) {
      await record(order, { state: "failed", reason });
      enterStage("failed", reason);
      showStatus(order, `failed after ${TRIES} tries`, reason);
      return;
    }
    const nextAttemptAt = Date.now() + pauseSeconds * 1000;
    await record(order, { state: "pending", reason, nextAttemptAt });
    enterStage("waiting", reason);
    showStatus(order, `try ${number + 1} of ${TRIES} comes ${iso(nextAttemptAt)}`, reason);
    const leftMs = Math.max(1, nextAttemptAt - Date.now());
    const summary = `until try ${number + 1} of ${TRIES}`;
    if (await condition(isOvertaken, leftMs, { summary })) return;
  }
}

/** What a try leaves to be done when no other may follow it. */
function endOf({
  outcome,
  reason = "",
}: TryResult): { stage: string; record?: Ending } | undefined {
  switch (outcome) {
    case "delivered":
      return { stage: "delivered", record: { state: "delivered" } };
    case "gone":
      return { stage: "failed", record: { state: "failed", reason, switchOff: true } };
    case "held":
    case "over":
      return { stage: outcome };
    case "refused":
      return undefined;
  }
}

type Ending = Omit<DeliveryRecord, "deliveryId" | "round">;

function record({ deliveryId, round }: DeliveryOrder, ending: Ending): Promise<void> {
  return recordDelivery({ deliveryId, round, ...ending });
}

function attempt({ deliveryId, round }: DeliveryOrder, number: number): Promise<TryResult> {
  const { attemptDelivery } = proxyActivities<WebhookActivities>({
    taskQueue: QUEUES.outbound,
    // The request's own limit ends it first; these are for a worker that hangs, or is lost.
    startToCloseTimeout: "1 minute",
    heartbeatTimeout: "5 seconds",
    retry: { initialInterval: "1 second", maximumInterval: "10 seconds" },
    summary: `try ${number} of ${TRIES}`,
  });
  return attemptDelivery({ deliveryId, round, number });
}

/** The status sheet in Temporal's Web UI. */
function showStatus({ event, round }: DeliveryOrder, standing: string, reason?: string): void {
  setCurrentDetails(
    [
      `### ${event}`,
      "",
      `- ${standing}`,
      ...(round > 1 ? [`- replayed: round ${round}`] : []),
      ...(reason ? ["", `**Last answer:** ${reason}`] : []),
    ].join("\n"),
  );
}

function iso(moment: number): string {
  return new Date(moment).toISOString();
}
