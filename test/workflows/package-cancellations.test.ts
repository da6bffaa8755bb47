import { randomUUID } from "node:crypto";
import { Context, heartbeat } from "@temporalio/activity";
import type { Client, WorkflowHandle } from "@temporalio/client";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import {
  cancelRun,
  packageLine,
  publishVersion,
  replacePackage,
  rollBackPackage,
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

const cancel = (handle: WorkflowHandle, runId: string) =>
  handle.executeUpdate(cancelRun, { args: [{ packageId: "p", runId }] });

/** A step that works until it is cancelled. */
async function untilCancelled(): Promise<never> {
  const beat = setInterval(() => heartbeat(), 100);
  try {
    return await Context.current().cancelled;
  } finally {
    clearInterval(beat);
  }
}

test("a build that is cancelled ends in its step, and the package goes on", async () => {
  const { activities, happened } = fakePackages({
    runBuildStep: async ({ runId, step }) => {
      if (runId === "a") await untilCancelled();
      return { key: step, bytes: 1, sha256: "" };
    },
  });

  await withWorkers(ALL, activities, async ({ client }) => {
    const handle = await startLine(client);
    await handle.executeUpdate(replacePackage, { args: [orderOf("a", 1)] });
    await until(() => happened.includes("runBuildStep:a:metadata"));
    await cancel(handle, "a");
    await until(() => happened.includes("endRun:a:cancelled"));
    await handle.executeUpdate(replacePackage, { args: [orderOf("b", 2)] });
    await until(() => happened.includes("keepLog:b"));
  });

  expect(happened).not.toContain("openPublication:a");
  expect(happened).not.toContain("runBuildStep:a:checksums");
});

test("a parked build waits for nobody any more when it is cancelled", async () => {
  const { activities, happened } = fakePackages({
    runBuildStep: async () => {
      throw broken("the tool is broken");
    },
  });

  await withWorkers(ALL, activities, async ({ client }) => {
    const handle = await startLine(client);
    await handle.executeUpdate(replacePackage, { args: [orderOf("a", 1)] });
    await until(() => happened.includes("parkRun:a:metadata"));
    await cancel(handle, "a");
    await until(() => happened.includes("endRun:a:cancelled"));
  });

  expect(happened).not.toContain("resumeRun:a:metadata");
});

test("a publication that is cancelled puts the link back before its run ends", async () => {
  const { activities, happened } = fakePackages({
    checkLink: async ({ runId }) => {
      if (runId === "a") await untilCancelled();
    },
  });

  await withWorkers(ALL, activities, async ({ client }) => {
    const handle = await startLine(client);
    await handle.executeUpdate(rollBackPackage, { args: [orderOf("a", 1, "rollback")] });
    await until(() => happened.includes("checkLink:a"));
    await cancel(handle, "a");
    await until(() => happened.includes("endRun:a:cancelled"));
    await handle.executeUpdate(rollBackPackage, { args: [orderOf("b", 2, "rollback")] });
    await until(() => happened.includes("keepLog:b"));
  });

  const end = happened.filter((what) => what.endsWith(":a") || what.includes(":a:"));
  expect(end.slice(-2)).toEqual(["restoreLink:a", "endRun:a:cancelled"]);
});

test("what waits for its turn, for its time or has not come yet ends when it is cancelled", async () => {
  const { activities, happened } = fakePackages({
    checkLink: async ({ runId }) => {
      if (runId === "a") await untilCancelled();
    },
    takePublicationTurn: async () => ({ number: 0, end: "cancelled" }),
  });
  const timed = { ...orderOf("c", 0, "publish"), publishAt: Date.now() + 600_000 };

  await withWorkers(ALL, activities, async ({ client }) => {
    const handle = await startLine(client);
    await handle.executeUpdate(rollBackPackage, { args: [orderOf("a", 1, "rollback")] });
    await until(() => happened.includes("checkLink:a"));
    await handle.executeUpdate(rollBackPackage, { args: [orderOf("b", 2, "rollback")] });
    await handle.executeUpdate(publishVersion, { args: [timed] });
    for (const runId of ["b", "c", "unknown"]) await cancel(handle, runId);
    const ended = ["b", "c", "unknown"].map((runId) => `endRun:${runId}:cancelled`);
    await until(() => ended.every((what) => happened.includes(what)));
    await cancel(handle, "a");
    await until(() => happened.includes("endRun:a:cancelled"));
  });

  expect(happened.filter((what) => /^openPublication:[bc]/.test(what))).toEqual([]);
});

test("a publication is not begun any more that is cancelled while it ends those it overtakes", async () => {
  const held = new Set(["checkLink:a", "endRun:b"]);
  const { activities, happened } = fakePackages({
    checkLink: ({ runId }) => until(() => !held.has(`checkLink:${runId}`)),
    endRun: ({ runId }) => until(() => !held.has(`endRun:${runId}`)),
  });

  await withWorkers(ALL, activities, async ({ client }) => {
    const handle = await startLine(client);
    for (const [index, runId] of ["a", "b", "c"].entries()) {
      await handle.executeUpdate(rollBackPackage, {
        args: [orderOf(runId, index + 1, "rollback")],
      });
      await until(() => happened.includes("checkLink:a"));
    }
    held.delete("checkLink:a");
    await until(() => happened.includes("endRun:b:superseded"));
    await cancel(handle, "c");
    held.delete("endRun:b");
    await until(() => happened.includes("endRun:c:cancelled"));
    await handle.executeUpdate(rollBackPackage, { args: [orderOf("d", 4, "rollback")] });
    await until(() => happened.includes("keepLog:d"));
  });

  expect(happened).not.toContain("openPublication:c");
});
