import { randomUUID } from "node:crypto";
import type { WorkflowHandle } from "@temporalio/client";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { rechargePayment } from "../../workflows/billing/payments.ts";
import { resolveParked } from "../../workflows/helpers/parking.ts";
import { fakePayments, PAYMENT_MS } from "../support/fakes/payment-activities.ts";
import { type TimeSkippingBench, withTimeSkipping } from "../support/temporal.ts";

const DAY_MS = 86_400_000;

const start = ({ client }: TimeSkippingBench) =>
  client.workflow.start(rechargePayment, {
    taskQueue: QUEUES.orchestrator,
    workflowId: randomUUID(),
    args: [{ rechargeId: "r" }],
  });

/** How long it took, by the server's clock, and where it stands. */
async function lifeOf(handle: WorkflowHandle) {
  const { startTime, closeTime, typedSearchAttributes } = await handle.describe();
  const ms = (closeTime ?? startTime).getTime() - startTime.getTime();
  return { ms, stage: typedSearchAttributes.get(SEARCH_ATTRIBUTES.stage) };
}

test("a payment that nobody told of is found at the next look", async () => {
  const { activities, asked } = fakePayments("pending", "away", "paid");

  const life = await withTimeSkipping(activities, async (bench) => {
    const handle = await start(bench);
    await handle.result();
    return lifeOf(handle);
  });

  expect(life.stage).toBe("paid");
  expect(life.ms).toBeLessThan(PAYMENT_MS);
  expect(asked).toEqual([false, false, false]);
});

test("what nobody pays ends when it can no longer be paid, and not before", async () => {
  const { activities, asked } = fakePayments("pending", "pending", "pending", "expired");

  const life = await withTimeSkipping(activities, async (bench) => {
    const handle = await start(bench);
    await handle.result();
    return lifeOf(handle);
  });

  expect(life.stage).toBe("expired");
  expect(life.ms).toBeGreaterThanOrEqual(PAYMENT_MS);
  expect(asked).toEqual([false, false, false, true]);
});

test("a provider that is silent for a day is a person's to decide about, who has it asked again", async () => {
  const says = { activities: fakePayments("away").activities };
  const life = await withTimeSkipping(
    { lookForPayment: (order: never) => says.activities.lookForPayment(order) },
    async (bench) => {
      const handle = await start(bench);
      await bench.sleep(PAYMENT_MS + DAY_MS + 3_600_000);
      const { typedSearchAttributes: shown } = await handle.describe();
      expect(shown.get(SEARCH_ATTRIBUTES.stage)).toBe("parked");
      expect(shown.get(SEARCH_ATTRIBUTES.needsOperator)).toBe(true);
      says.activities = fakePayments("paid").activities;
      const decision = { action: "retry", reason: "it is back", by: "admin" } as const;
      await handle.executeUpdate(resolveParked, { args: [decision] });
      await handle.result();
      return lifeOf(handle);
    },
  );

  expect(life.stage).toBe("paid");
  expect(life.ms).toBeGreaterThanOrEqual(PAYMENT_MS + DAY_MS);
});
