import { randomUUID } from "node:crypto";
import type { WorkflowHandle } from "@temporalio/client";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { RETRY_PAUSES_SECONDS } from "../../domain/webhooks.ts";
import { sendAgain, webhookDelivery } from "../../workflows/webhooks.ts";
import { fakeWebhooks, refused } from "../support/fakes/webhook-activities.ts";
import { withTimeSkipping, type TimeSkippingBench } from "../support/temporal.ts";
import { until } from "../support/until.ts";

const start = ({ client }: TimeSkippingBench) =>
  client.workflow.start(webhookDelivery, {
    taskQueue: QUEUES.orchestrator,
    workflowId: randomUUID(),
    args: [{ deliveryId: "d", round: 1, event: "package.published" }],
  });

/** How long it took, by the server's clock. */
async function lifeOf(handle: WorkflowHandle): Promise<number> {
  const { startTime, closeTime } = await handle.describe();
  return closeTime!.getTime() - startTime.getTime();
}

test("a receiver that never takes it is tried ten times in three days, and then the delivery has failed", async () => {
  const { activities, happened, records } = fakeWebhooks(() => refused);

  const lastedMs = await withTimeSkipping(activities, async (bench) => {
    const handle = await start(bench);
    await handle.result();
    return lifeOf(handle);
  });

  const planned = RETRY_PAUSES_SECONDS.reduce((sum, pause) => sum + pause, 0) * 1000;
  expect(lastedMs).toBeGreaterThanOrEqual(planned);
  expect(lastedMs).toBeLessThan(planned * 1.1 + 600_000);
  expect(happened.filter((one) => one.startsWith("try"))).toHaveLength(10);
  expect(records.map(({ state }) => state)).toEqual([...Array(9).fill("pending"), "failed"]);
  expect(records.at(-1)).toMatchObject({ reason: refused.reason });
  const [first] = records;
  expect(first?.nextAttemptAt).toBeDefined();
});

test("a receiver that asks for an hour is left alone for an hour", async () => {
  const { activities } = fakeWebhooks(({ number }) =>
    number === 1 ? { ...refused, retryAfterSeconds: 3600 } : { outcome: "delivered" },
  );

  const lastedMs = await withTimeSkipping(activities, async (bench) => {
    const handle = await start(bench);
    await handle.result();
    return lifeOf(handle);
  });

  expect(lastedMs).toBeGreaterThanOrEqual(3_600_000);
  expect(lastedMs).toBeLessThan(7_200_000);
});

test("a replay does not wait for the next try, and has the whole schedule before it", async () => {
  const { activities, happened } = fakeWebhooks(({ round, number }) =>
    round === 2 && number === 2 ? { outcome: "delivered" } : refused,
  );

  await withTimeSkipping(activities, async (bench) => {
    const handle = await start(bench);
    await bench.sleep("1 minute");
    await until(() => happened.includes("try:1.2"));
    await handle.executeUpdate(sendAgain, { args: [{ round: 2 }] });
    await handle.result();
  });

  expect(happened).toEqual([
    "try:1.1",
    "pending:1",
    "try:1.2",
    "pending:1",
    "try:2.1",
    "pending:2",
    "try:2.2",
    "delivered:2",
  ]);
});
