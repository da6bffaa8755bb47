import {
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  sleep,
  workflowInfo,
} from "@temporalio/workflow";
import type { BillingActivities } from "../../activities/billing/index.ts";
import type { HoldState } from "../../domain/billing.ts";
import { QUEUES } from "../../domain/queues.ts";
import { enterStage } from "../helpers/stage.ts";

const { endOverdueHold } = proxyActivities<BillingActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "30 seconds",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
  summary: "release the money if its time has come",
});

/** A clock that is a little behind finds the hold still open at its end. */
const SHORTEST_SLEEP_MS = 1_000;
const LONG_HISTORY_EVENTS = 2_000;

/**
 * The end of one hold: begins when its time has come. Whoever works for it has moved that time on, then this sleeps on;
 * or has ended the hold; or is gone, then the money is released.
 */
export async function holdExpiry(order: { holdId: string }): Promise<HoldState> {
  for (;;) {
    const { state, expiresAt } = await endOverdueHold(order);
    enterStage(state);
    if (state !== "open") return state;
    const until = new Date(expiresAt).toISOString();
    setCurrentDetails(`The work goes on: held until ${until}.`);
    const leftMs = Math.max(SHORTEST_SLEEP_MS, expiresAt - Date.now());
    await sleep(leftMs, { summary: `held until ${until}` });
    if (workflowInfo().historyLength > LONG_HISTORY_EVENTS) {
      await continueAsNew<typeof holdExpiry>(order);
    }
  }
}
