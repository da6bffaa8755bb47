import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, WorkflowHandle } from "@temporalio/client";
import { describe, expect, test } from "vitest";
import type { RunOrder } from "../../activities/packages/contract.ts";
import type { PackageActivities } from "../../activities/packages/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import {
  closeDoors,
  packageLine,
  publishVersion,
  removePackage,
  replacePackage,
  rollBackPackage,
  yankVersion,
} from "../../workflows/packages/index.ts";
import { broken, fakePackages, orderOf } from "../support/fakes/package-activities.ts";
import { withWorkers } from "../support/temporal.ts";
import { until } from "../support/until.ts";

const ALL = Object.values(QUEUES);

const startLine = (client: Client): Promise<WorkflowHandle<typeof packageLine>> =>
  client.workflow.start(packageLine, {
    taskQueue: QUEUES.orchestrator,
    workflowId: randomUUID(),
    args: [{ packageId: "p", serial: "1001" }],
  });

const draft = (runId: string, inMs: number): RunOrder => ({
  ...orderOf(runId, 0, "publish"),
  publishAt: Date.now() + inMs,
});

describe("a draft", () => {
  test("is built and kept, and its run succeeds without a publication", async () => {
    const { activities, happened } = fakePackages();

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      await handle.executeUpdate(replacePackage, { args: [orderOf("a", 0)] });
      await until(() => happened.includes("endRun:a:succeeded"));
    });

    expect(happened).not.toContain("openPublication:a");
  });

  test("is published when its time has come, once, with the number that it gets then", async () => {
    const numbers: number[] = [];
    const plain = fakePackages().activities;
    const { activities, happened } = fakePackages({
      takePublicationTurn: async () => ({ number: 7 }),
      async openPublication(order) {
        numbers.push(order.number);
        return plain.openPublication(order);
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      await handle.executeUpdate(publishVersion, { args: [draft("a", 500)] });
      await until(() => happened.includes("keepLog:a"));
    });

    expect(numbers).toEqual([7]);
    expect(happened.filter((what) => what === "takePublicationTurn:a")).toHaveLength(1);
  });

  test("keeps its time when the history is begun anew", async () => {
    const { activities, happened } = fakePackages();

    await withWorkers(ALL, activities, async ({ client }) => {
      await client.workflow.start(packageLine, {
        taskQueue: QUEUES.orchestrator,
        workflowId: randomUUID(),
        args: [{ packageId: "p", serial: "1001", timed: [draft("a", 500)] }],
      });
      await until(() => happened.includes("keepLog:a"));
    });

    expect(happened).toContain("takePublicationTurn:a");
  });

  test("that is published now ends what was ordered for later", async () => {
    const turns: Record<string, Awaited<ReturnType<PackageActivities["takePublicationTurn"]>>> = {
      later: { number: 0, end: "cancelled" },
    };
    const { activities, happened } = fakePackages({
      takePublicationTurn: async ({ runId }) => turns[runId]!,
    });

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      const later = draft("later", 3_600_000);
      await handle.executeUpdate(publishVersion, { args: [later] });
      const now = { ...orderOf("now", 3, "publish"), versionId: later.versionId };
      await handle.executeUpdate(publishVersion, { args: [now] });
      await until(() => happened.includes("endRun:later:cancelled"));
      await until(() => happened.includes("keepLog:now"));
    });

    expect(happened).not.toContain("openPublication:later");
  });
});

describe("channels", () => {
  test("publish in turn, and none overtakes the other", async () => {
    const { activities, happened } = fakePackages();

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      const order = (id: string, number: number, channel: string) =>
        orderOf(id, number, "rollback", channel);
      for (const one of [order("a", 5, "stable"), order("b", 1, "beta"), order("c", 2, "beta")]) {
        await handle.executeUpdate(rollBackPackage, { args: [one] });
      }
      await until(() => happened.includes("keepLog:a") && happened.includes("keepLog:c"));
    });

    expect(happened).not.toContain("endRun:a:superseded");
  });
});

describe("a withdrawn version", () => {
  test("is told to the edges until they hear, while what takes its place is published", async () => {
    let failures = 2;
    const { activities, happened } = fakePackages({
      async purgeDoors() {
        if (failures-- > 0) throw new Error("the edge is away");
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      const fallback = orderOf("back", 2, "rollback");
      await handle.executeUpdate(yankVersion, {
        args: [{ yank: orderOf("yank", 0, "yank"), fallback }],
      });
      await until(() => happened.includes("endRun:yank:succeeded"));
      await until(() => happened.includes("keepLog:back"));
    });

    expect(happened.filter((what) => what === "purgeDoors:yank")).toHaveLength(3);
  });
});

describe("a package that is removed", () => {
  test("ends its builds and what is parked, loses its objects, then its rows, and is over", async () => {
    const { activities, happened } = fakePackages({
      purgeLink: async () => {
        throw broken("the edge is away");
      },
      runBuildStep: async ({ runId, step }) => {
        if (runId === "slow") await sleep(2_000);
        return { key: step, bytes: 1, sha256: "" };
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      await handle.executeUpdate(rollBackPackage, { args: [orderOf("a", 1, "rollback")] });
      await handle.executeUpdate(publishVersion, { args: [draft("later", 3_600_000)] });
      await handle.executeUpdate(replacePackage, { args: [orderOf("slow", 2)] });
      await until(() => happened.includes("runBuildStep:slow:metadata"));
      await handle.executeUpdate(removePackage, { args: [{ packageId: "p" }] });
      await handle.result();
    });

    expect(happened.slice(-3)).toEqual(["removePackageObjects", "purgeDoors", "forgetPackage"]);
    expect(happened).toEqual(
      expect.arrayContaining(["endRun:a:superseded", "endRun:slow:cancelled"]),
    );
  });
});

test("doors that were shut are told to the edges", async () => {
  const { activities, happened } = fakePackages();

  await withWorkers(ALL, activities, async ({ client }) => {
    const handle = await startLine(client);
    await handle.executeUpdate(closeDoors, { args: [{ packageId: "p" }] });
    await until(() => happened.includes("purgeDoors"));
  });

  expect(happened).toEqual(["purgeDoors"]);
});
