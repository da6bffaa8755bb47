import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { RunOrder } from "../../activities/packages/contract.ts";
import { QUEUES } from "../../domain/queues.ts";
import { resolveParked } from "../../workflows/helpers/parking.ts";
import { packageBuild, packageLine, publishVersion } from "../../workflows/packages/index.ts";
import { broken, fakePackages, orderOf } from "../support/fakes/package-activities.ts";
import { withTimeSkipping, type TimeSkippingBench } from "../support/temporal.ts";
import { until } from "../support/until.ts";

const start = ({ client }: TimeSkippingBench) =>
  client.workflow.start(packageBuild, {
    taskQueue: QUEUES.orchestrator,
    workflowId: randomUUID(),
    args: [orderOf("run", 1)],
  });

function failing(times: number) {
  let left = times;
  return fakePackages({
    runBuildStep: async ({ step }) => {
      if (left-- > 0) throw broken("the tool is broken");
      return { key: step, bytes: 1, sha256: "" };
    },
  });
}

test("a broken tool is tried again after one second, then after two", async () => {
  const { activities } = failing(2);

  const waitedMs = await withTimeSkipping(activities, async (bench) => {
    const before = await bench.now();
    expect(await (await start(bench)).result()).toBe("built");
    return (await bench.now()) - before;
  });

  expect(waitedMs).toBeGreaterThanOrEqual(3_000);
});

test("a parked run waits for a season and goes on as if nothing had been", async () => {
  const { activities, happened } = failing(3);

  await withTimeSkipping(activities, async (bench) => {
    const handle = await start(bench);
    await bench.sleep("10 seconds");
    await until(() => happened.includes("parkRun:run:metadata"));
    await bench.sleep("90 days");
    const args: [{ action: "retry"; reason: string; by: string }] = [
      { action: "retry", reason: "the tool was mended", by: "admin" },
    ];
    await handle.executeUpdate(resolveParked, { args });
    expect(await handle.result()).toBe("built");
  });

  expect(happened.at(-1)).toBe("runBuildStep:run:checksums");
});

test("a publication that was ordered for next month is made next month, and not before", async () => {
  const { activities, happened } = fakePackages();

  await withTimeSkipping(activities, async (bench) => {
    const handle = await bench.client.workflow.start(packageLine, {
      taskQueue: QUEUES.orchestrator,
      workflowId: randomUUID(),
      args: [{ packageId: "p", serial: "1001" }],
    });
    const publishAt = (await bench.now()) + 30 * 86_400_000;
    const args: [RunOrder] = [{ ...orderOf("a", 0, "publish"), publishAt }];
    await handle.executeUpdate(publishVersion, { args });
    await bench.sleep("29 days");
    expect(happened).toEqual([]);
    await bench.sleep("1 day");
    await until(() => happened.includes("keepLog:a"));
  });

  expect(happened.filter((what) => what === "recordLive:a")).toHaveLength(1);
});
