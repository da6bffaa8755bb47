import { ApplicationFailure, sleep } from "@temporalio/workflow";
import { onHeldFunds } from "../../../workflows/helpers/funds.ts";

/** Work that takes so many hours, uses a frame in each, and fails at the end if it is to. */
export function paidWork({ hours, fails }: { hours: number; fails: boolean }): Promise<string> {
  const order = { holdId: "h", accountId: "a", leaseSeconds: 900 };
  return onHeldFunds(order, async (hold) => {
    await hold(async () => ({ frames: hours }));
    await sleep(`${hours} hours`);
    if (fails) throw ApplicationFailure.nonRetryable("the work failed");
    return { usage: { frames: hours }, value: "done" };
  });
}
