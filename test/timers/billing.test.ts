import { randomUUID } from "node:crypto";
import type { Duration } from "@temporalio/common";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { holdExpiry } from "../../workflows/billing/index.ts";
import { fakeFunds } from "../support/fakes/billing-activities.ts";
import { withTimeSkipping } from "../support/temporal.ts";
import { bundleOf } from "../support/workflows/bundle.ts";
import { paidWork } from "../support/workflows/paid-work.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const start = () => ({ taskQueue: QUEUES.orchestrator, workflowId: randomUUID() });

test("a hold is looked at when its time has come, sleeps on when that was moved, and is then given up", async () => {
  const { activities, hold, happened } = fakeFunds();

  const lastedMs = await withTimeSkipping(activities, async ({ client, now }) => {
    hold.expiresAt = (await now()) + 3 * HOUR_MS;
    const handle = await client.workflow.start(holdExpiry, {
      ...start(),
      args: [{ holdId: "h" }],
      startDelay: "15 minutes",
    });
    expect(await handle.result()).toBe("abandoned");
    const { startTime, closeTime } = await handle.describe();
    return closeTime!.getTime() - startTime.getTime();
  });

  expect(happened).toEqual(["abandoned"]);
  expect(lastedMs).toBeGreaterThanOrEqual(3 * HOUR_MS - MINUTE_MS);
  expect(lastedMs).toBeLessThan(3 * HOUR_MS + MINUTE_MS);
});

test("work keeps its money held for as long as it goes on, then pays; what fails or is cancelled gives it back", async () => {
  const workflowBundle = await bundleOf("paid-work.ts");
  const live = async (fails: boolean, cancelAfter?: Duration) => {
    const { activities, hold, happened } = fakeFunds();
    const ended = await withTimeSkipping(
      activities,
      async ({ client, sleep }) => {
        const args: [{ hours: number; fails: boolean }] = [{ hours: 6, fails }];
        const handle = await client.workflow.start(paidWork, { ...start(), args });
        if (cancelAfter) {
          await sleep(cancelAfter);
          await handle.cancel();
        }
        return handle.result().catch(() => "ended");
      },
      { workflowBundle },
    );
    const extended = happened.filter((one) => one === "extended").length;
    return { ended, state: hold.state, extended };
  };

  const paid = await live(false);
  expect(paid).toMatchObject({ ended: "done", state: "captured" });
  // Half of 15 minutes goes 48 times into 6 hours; the last one may meet the end.
  expect(paid.extended).toBeGreaterThanOrEqual(47);
  expect(await live(true)).toMatchObject({ ended: "ended", state: "released" });
  const cancelled = await live(false, "1 hour");
  expect(cancelled).toMatchObject({ ended: "ended", state: "released" });
  expect(cancelled.extended).toBeLessThan(10);
});
