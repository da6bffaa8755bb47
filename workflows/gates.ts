import {
  CancellationScope,
  condition,
  defineSignal,
  proxyActivities,
  setHandler,
} from "@temporalio/workflow";
import type { GateActivities, GateAnswer, GateOrder } from "../activities/gates/index.ts";
import { QUEUES } from "../domain/queues.ts";

const { enterGates } = proxyActivities<GateActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "30 seconds",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
});

/** Somebody has left a gate, or opened it: whoever waits looks again. */
export const gateOpened = defineSignal("gateOpened");

/** Somebody waits before a gate. */
export type GateWait = Extract<GateAnswer, { isIn: false }>;

/**
 * Passes all gates; whoever must wait is told when one opens, and looks again from time to time: at the latest after
 * `lookAgainMs`.
 */
export async function passGates(
  order: GateOrder,
  onWait: (wait: GateWait) => Promise<void>,
  lookAgainMs = Infinity,
): Promise<void> {
  let isTold = false;
  setHandler(gateOpened, () => void (isTold = true), {
    description: "Look again whether the gate is open.",
  });
  for (;;) {
    isTold = false;
    // Seen to its end by whoever is cancelled meanwhile: only then they can leave.
    const answer = await CancellationScope.nonCancellable(() => enterGates(order));
    if (answer.isIn) return;
    await onWait(answer);
    const summary = `before the gate ${answer.gate}: ${answer.why}`;
    const pauseMs = Math.min(lookAgainMs, Math.max(1, answer.until - Date.now()));
    await condition(() => isTold, pauseMs, { summary });
  }
}
