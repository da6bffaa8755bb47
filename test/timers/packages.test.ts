import { randomUUID } from "node:crypto";
import type { WorkflowHandle } from "@temporalio/client";
import { describe, expect, test } from "vitest";
import type { RunIds, RunOrder } from "../../activities/packages/contract.ts";
import type { PackageActivities } from "../../activities/packages/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { resolveParked } from "../../workflows/helpers/parking.ts";
import {
  keepVersions,
  packageBuild,
  packageLine,
  publishVersion,
  replacePackage,
  rollBackPackage,
} from "../../workflows/packages/index.ts";
import { broken, fakePackages, NEXT_NUMBER, orderOf } from "../support/fakes/package-activities.ts";
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
    expect(await (await start(bench)).result()).toBe(1);
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
    expect(await handle.result()).toBe(NEXT_NUMBER);
  });

  expect(happened.at(-1)).toBe("runBuildStep:run:checksums");
});

describe("a publication whose switch fails", () => {
  const away = async () => {
    throw broken("the store is away");
  };

  /** Parks the publication of the run `a`, then goes on. */
  async function withParkedSwitch(
    given: Partial<PackageActivities>,
    then: (tell: {
      replace: (runId: string, number: number) => Promise<void>;
      decide: (action: "retry" | "abort") => Promise<void>;
      happened: string[];
    }) => Promise<void>,
  ): Promise<void> {
    const { activities, happened } = fakePackages({ switchLink: away, ...given });
    await withTimeSkipping(activities, async ({ client, sleep }) => {
      const handle = await client.workflow.start(packageLine, {
        taskQueue: QUEUES.orchestrator,
        workflowId: randomUUID(),
        args: [{ packageId: "p", serial: "1001" }],
      });
      const replace = (runId: string, number: number) =>
        handle.executeUpdate(replacePackage, { args: [orderOf(runId, number)] });
      const decide = (action: "retry" | "abort") =>
        handle.executeUpdate(resolveParked, { args: [{ action, reason: "a test", by: "admin" }] });
      await replace("a", 1);
      await until(() => happened.includes("switchLink:a"));
      await sleep("60 seconds");
      await until(() => happened.includes("parkRun:a:switch"));
      await then({ replace, decide, happened });
    });
  }

  test("is undone and parks, even when undoing fails too", async () => {
    await withParkedSwitch({ restoreLink: away }, async ({ happened }) => {
      expect(happened).toContain("restoreLink:a");
      expect(happened.filter((what) => what.startsWith("endRun"))).toEqual([]);
    });
  });

  test("gives way to a version that is uploaded afterwards", async () => {
    const switchLink = async ({ runId }: RunIds) => (runId === "a" ? away() : undefined);

    await withParkedSwitch({ switchLink }, async ({ replace, happened }) => {
      await replace("b", 2);
      await until(() => happened.includes("keepLog:b"));
      expect(happened).toContain("endRun:a:superseded");
    });
  });

  test("is a new publication under the next number when it is tried again", async () => {
    let failures = 5;
    const switchLink = async () => (failures-- > 0 ? away() : undefined);
    const numbers: number[] = [];
    const plain = fakePackages().activities;
    const openPublication = (order: RunOrder) => {
      numbers.push(order.number);
      return plain.openPublication(order);
    };

    await withParkedSwitch({ switchLink, openPublication }, async ({ decide, happened }) => {
      await decide("retry");
      await until(() => happened.includes("keepLog:a"));
      expect(numbers).toEqual([1, NEXT_NUMBER]);
    });
  });

  test("shows what was live before when a person gives it up, however often that is tried", async () => {
    let failures = 4;
    const restoreLink = async () => {
      if (failures-- > 0) throw new Error("the store is still away");
    };

    await withParkedSwitch({ restoreLink }, async ({ decide, happened }) => {
      await decide("abort");
      await until(() => happened.includes("endRun:a:cancelled"));
      expect(failures).toBeLessThan(0);
    });
  });
});

test("a history that has become long is begun anew, and no order gets lost", async () => {
  const { activities, happened } = fakePackages();
  const orders = Array.from({ length: 20 }, (_, n) => orderOf(`${n}`, n + 1, "rollback"));
  const ends = () => happened.filter((what) => /^(endRun|keepLog):/.test(what));

  await withTimeSkipping(activities, async ({ client }) => {
    const { workflowId, firstExecutionRunId } = await client.workflow.start(packageLine, {
      taskQueue: QUEUES.orchestrator,
      workflowId: randomUUID(),
      args: [{ packageId: "p", serial: "1001" }],
    });
    const handle = client.workflow.getHandle(workflowId);
    for (let events = 0; events < 2_000; events += 100) {
      await Promise.all(Array.from({ length: 100 }, () => handle.signal("noise")));
    }
    for (const order of orders) await handle.executeUpdate(rollBackPackage, { args: [order] });
    await until(() => ends().length >= orders.length);
    await until(async () => (await handle.describe()).runId !== firstExecutionRunId);
  });

  expect(ends()).toHaveLength(orders.length);
  expect(new Set(ends().map((what) => what.split(":")[1])).size).toBe(orders.length);
}, 120_000);

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

describe("the grace of what left its link", () => {
  const HOUR_MS = 3_600_000;

  /** A package that keeps one version; `graces` says when the grace of another ends, asked with what was removed. */
  async function withGrace(
    body: (tell: {
      bench: TimeSkippingBench;
      handle: WorkflowHandle<typeof packageLine>;
      happened: string[];
      times: (name: string) => number;
      grace: { until: number };
    }) => Promise<void>,
  ): Promise<void> {
    const grace = { until: 0 };
    let now = async () => 0;
    const { activities, happened } = fakePackages({
      recordLive: async () => true,
      async retireVersions() {
        if (grace.until === 0) return { removed: [], graces: [] };
        if (grace.until > (await now())) {
          return { removed: [], graces: [{ title: "Demo 1", until: grace.until }] };
        }
        return { removed: ["version-1"], graces: [] };
      },
    });
    const times = (name: string) => happened.filter((what) => what === name).length;
    await withTimeSkipping(activities, async (bench) => {
      now = bench.now;
      const handle = await bench.client.workflow.start(packageLine, {
        taskQueue: QUEUES.orchestrator,
        workflowId: randomUUID(),
        args: [{ packageId: "p", serial: "1001" }],
      });
      await body({ bench, handle, happened, times, grace });
    });
  }

  test("ends by a timer that fires once, and not before", async () => {
    await withGrace(async ({ bench, handle, happened, times, grace }) => {
      grace.until = (await bench.now()) + 30 * 24 * HOUR_MS;
      await handle.executeUpdate(replacePackage, { args: [orderOf("a", 1)] });
      await until(() => times("retireVersions") === 1);
      await bench.sleep("29 days");
      expect(happened).not.toContain("clearVersions");
      await bench.sleep("1 day");
      await until(() => times("clearVersions") === 1);
      await bench.sleep("30 days");

      expect([times("retireVersions"), times("clearVersions")]).toEqual([2, 1]);
    });
  });

  test("is void when what is kept has changed meanwhile", async () => {
    await withGrace(async ({ bench, handle, happened, times, grace }) => {
      grace.until = (await bench.now()) + HOUR_MS;
      await handle.executeUpdate(keepVersions, { args: [{ packageId: "p" }] });
      await until(() => times("retireVersions") === 1);
      grace.until = 0;
      await handle.executeUpdate(keepVersions, { args: [{ packageId: "p" }] });
      await until(() => times("retireVersions") === 2);
      await bench.sleep("2 hours");

      expect(happened).not.toContain("clearVersions");
    });
  });

  test("goes on when the history is begun anew", async () => {
    const { activities, happened } = fakePackages();

    await withTimeSkipping(activities, async ({ client }) => {
      await client.workflow.start(packageLine, {
        taskQueue: QUEUES.orchestrator,
        workflowId: randomUUID(),
        args: [{ packageId: "p", serial: "1001", isKeeping: true }],
      });
      await until(() => happened.length > 0);
    });

    expect(happened).toEqual(["retireVersions"]);
  });
});
