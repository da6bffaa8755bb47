import {
  CancellationScope,
  isCancellation,
  proxyActivities,
  sleep,
  TemporalFailure,
} from "@temporalio/workflow";
import type { BillingActivities, FundsOrder } from "../../activities/billing/index.ts";
import type { Usage } from "../../domain/billing.ts";
import { QUEUES } from "../../domain/queues.ts";
import { unlessCancelled } from "./cancellation.ts";

const { holdFunds, extendFunds, captureFunds, releaseFunds } = proxyActivities<BillingActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "30 seconds",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
});

/** What paid work has used, and what else came of it. */
export interface PaidWork<T> {
  usage: Usage;
  value: T;
}

/** Has the money for so much held; once it is, nothing more is estimated. Refuses `billing/insufficient-balance`. */
export type Hold = (estimate: () => Promise<Usage>) => Promise<void>;

/**
 * Does `work`, which has the money for it held as soon as it knows how much that is: for `leaseSeconds` at a time, again
 * and again for as long as it goes on. Then what it used is charged, or, when it failed or was cancelled, all is released.
 * Where the workflow is ended without a word, the hold runs out.
 */
export async function onHeldFunds<T>(
  order: Omit<FundsOrder, "usage">,
  work: (hold: Hold) => Promise<PaidWork<T>>,
): Promise<T> {
  const { holdId } = order;
  const extending = new CancellationScope();
  let extended: Promise<void> | undefined;
  const hold: Hold = async (estimate) => {
    if (extended) return;
    const usage = await estimate();
    // Seen to its end by whoever is cancelled meanwhile: what is held is released.
    await CancellationScope.nonCancellable(() => holdFunds({ ...order, usage }));
    extended = extending.run(() => extendAgainAndAgain(order)).catch(unlessCancelled);
  };
  try {
    const { usage, value } = await work(hold);
    await CancellationScope.nonCancellable(() => captureFunds({ holdId, usage, isFinal: true }));
    return value;
  } catch (error) {
    // Anything else is a bug: the workflow waits for better code, and its money for the end of the lease.
    if (extended && error instanceof TemporalFailure) {
      await CancellationScope.nonCancellable(() => releaseFunds({ holdId }));
    }
    throw error;
  } finally {
    extending.cancel();
    await extended;
  }
}

/** Half a lease before its end there is still time for an activity to be tried again. */
async function extendAgainAndAgain({
  holdId,
  leaseSeconds,
}: Pick<FundsOrder, "holdId" | "leaseSeconds">): Promise<void> {
  for (;;) {
    await sleep((leaseSeconds * 1000) / 2, { summary: "until the money is held for longer" });
    try {
      await extendFunds({ holdId, leaseSeconds });
    } catch (error) {
      if (isCancellation(error)) throw error;
      // It ran out in an outage: what was done is charged all the same, out of the balance.
      return;
    }
  }
}
