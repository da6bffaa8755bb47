import { randomUUID } from "node:crypto";
import { activityInfo } from "@temporalio/activity";
import type { Client, WorkflowHandle } from "@temporalio/client";
import Long from "long";
import { describe, expect, test } from "vitest";
import type { RunOrder } from "../../activities/packages/contract.ts";
import { QUEUES } from "../../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { resolveParked } from "../../workflows/helpers/parking.ts";
import {
  packageBuild,
  packageLine,
  rebuildVersion,
  replacePackage,
  rollBackPackage,
} from "../../workflows/packages/index.ts";
import {
  badContent,
  broken,
  fakePackages,
  finding,
  NEXT_NUMBER,
  orderOf,
} from "../support/fakes/package-activities.ts";
import { withWorkers } from "../support/temporal.ts";
import { until } from "../support/until.ts";

const taskQueue = QUEUES.orchestrator;
const ALL = Object.values(QUEUES);

async function startLine(client: Client): Promise<WorkflowHandle<typeof packageLine>> {
  return client.workflow.start(packageLine, {
    taskQueue,
    workflowId: randomUUID(),
    args: [{ packageId: "p", serial: "1001" }],
  });
}

const isParked = async (handle: WorkflowHandle) => {
  const { typedSearchAttributes } = await handle.describe();
  return typedSearchAttributes.get(SEARCH_ATTRIBUTES.needsOperator) === true;
};

const resolve = (handle: WorkflowHandle, action: "retry" | "abort") =>
  handle.executeUpdate(resolveParked, { args: [{ action, reason: "a test", by: "admin" }] });

describe("packageBuild", () => {
  const start = (client: Client) =>
    client.workflow.start(packageBuild, {
      taskQueue,
      workflowId: randomUUID(),
      args: [orderOf("run", 1)],
    });

  test("hands each step's output to the next, and is built in the end", async () => {
    const inputs: string[] = [];
    const { activities } = fakePackages(
      {
        runBuildStep: async ({ step, input }) => {
          inputs.push(`${step} of ${input.key}`);
          return { key: step, bytes: 1, sha256: "" };
        },
      },
      { type: "apk", steps: ["metadata", "align", "sign", "checksums"] },
    );

    const result = await withWorkers(ALL, activities, async ({ client }) =>
      (await start(client)).result(),
    );

    expect(result).toBe(1);
    expect(inputs).toEqual([
      "metadata of original",
      "align of metadata",
      "sign of align",
      "checksums of sign",
    ]);
  });

  test("says of the first step alone that an earlier run has left its input", async () => {
    const kept: (boolean | undefined)[] = [];
    const plain = fakePackages({}, { steps: ["sign", "checksums"] }).activities;
    const { activities } = fakePackages({
      beginBuild: async (order) => ({ ...(await plain.beginBuild(order)), isKept: true }),
      runBuildStep: async ({ step, isKept }) => {
        kept.push(isKept);
        return { key: step, bytes: 1, sha256: "" };
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => (await start(client)).result());

    expect(kept).toEqual([true, undefined]);
  });

  test("asks a worker that runs tools which steps are configured", async () => {
    const plain = fakePackages().activities;
    const asked: string[] = [];
    const { activities } = fakePackages({
      beginBuild: (order) => {
        asked.push(activityInfo().taskQueue);
        return plain.beginBuild(order);
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => (await start(client)).result());

    expect(asked).toEqual([QUEUES.build]);
  });

  test("fails at once when the content is bad", async () => {
    const { activities, happened } = fakePackages({
      runBuildStep: async () => {
        throw badContent("The manifest names no package.");
      },
    });

    const result = await withWorkers(ALL, activities, async ({ client }) =>
      (await start(client)).result(),
    );

    expect(result).toBeNull();
    expect(happened).toEqual(["beginBuild:run", "runBuildStep:run:metadata", "endRun:run:failed"]);
  });

  test("ends quarantined when something is found, and tries nothing again", async () => {
    const { activities, happened } = fakePackages({
      runBuildStep: async () => {
        throw finding("The malware scan found Eicar.");
      },
    });

    const result = await withWorkers(ALL, activities, async ({ client }) =>
      (await start(client)).result(),
    );

    expect(result).toBeNull();
    expect(happened).toEqual([
      "beginBuild:run",
      "runBuildStep:run:metadata",
      "endRun:run:quarantined",
    ]);
  });

  test("tries a broken tool three times, parks, and goes on when a person says so", async () => {
    let failures = 3;
    const { activities, happened } = fakePackages({
      runBuildStep: async ({ step }) => {
        if (failures-- > 0) throw broken("the tool is broken");
        return { key: step, bytes: 1, sha256: "" };
      },
    });

    const result = await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await start(client);
      await until(() => isParked(handle));
      await expect(
        handle.executeUpdate(resolveParked, { args: [{ action: "retry", reason: "", by: "x" }] }),
      ).rejects.toThrow(/update/i);
      const { typedSearchAttributes: parked } = await handle.describe();
      expect(parked.get(SEARCH_ATTRIBUTES.stage)).toBe("parked");
      expect(parked.get(SEARCH_ATTRIBUTES.errorType)).toBe("the tool is broken");
      await resolve(handle, "retry");
      return handle.result();
    });

    expect(result).toBe(NEXT_NUMBER);
    expect(happened.filter((what) => /park|resume/.test(what))).toEqual([
      "parkRun:run:metadata",
      "resumeRun:run:metadata",
    ]);
  });

  test("hears a decision as soon as anybody can know that it waits", async () => {
    const decisions: Promise<void>[] = [];
    const { activities, happened } = fakePackages({
      async runBuildStep() {
        throw broken("the tool is broken");
      },
      async parkRun() {
        decisions.push(resolve(handle, "abort"));
      },
    });
    let handle: WorkflowHandle;

    await withWorkers(ALL, activities, async ({ client }) => {
      handle = await start(client);
      await handle.result();
      await Promise.all(decisions);
    });

    expect(happened.at(-1)).toBe("endRun:run:cancelled");
  });

  test("ends cancelled when a person gives up", async () => {
    const { activities, happened } = fakePackages({
      runBuildStep: async () => {
        throw broken("the tool is broken");
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await start(client);
      await until(() => isParked(handle));
      await resolve(handle, "abort");
      await handle.result();
    });

    expect(happened.at(-1)).toBe("endRun:run:cancelled");
  });

  test("a run that has ended before is not touched again", async () => {
    const plain = fakePackages().activities;
    const { activities, happened } = fakePackages({
      beginBuild: async (order) => ({ ...(await plain.beginBuild(order)), open: false }),
    });

    await withWorkers(ALL, activities, async ({ client }) => (await start(client)).result());

    expect(happened).toEqual(["beginBuild:run"]);
  });
});

describe("packageLine", () => {
  test("builds a version again before it publishes it", async () => {
    const { activities, happened } = fakePackages();

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      await handle.executeUpdate(rebuildVersion, { args: [orderOf("a", 1, "rebuild")] });
      await until(() => happened.includes("keepLog:a"));
    });

    expect(happened.filter((what) => /begin|checksums|switch|recordLive/.test(what))).toEqual([
      "beginBuild:a",
      "runBuildStep:a:checksums",
      "switchLink:a",
      "recordLive:a",
    ]);
  });

  test("builds, publishes step by step, and shows an earlier version again on demand", async () => {
    const { activities, happened } = fakePackages();

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      await handle.executeUpdate(replacePackage, { args: [orderOf("a", 1)] });
      await until(() => happened.includes("keepLog:a"));
      await handle.executeUpdate(rollBackPackage, { args: [orderOf("b", 2, "rollback")] });
      await until(() => happened.includes("keepLog:b"));
    });

    const publication = [
      "openPublication",
      "switchLink",
      "purgeLink",
      "checkLink",
      "recordLive",
      "keepLog",
    ];
    expect(happened).toEqual([
      "beginBuild:a",
      "runBuildStep:a:metadata",
      "runBuildStep:a:checksums",
      ...publication.map((step) => `${step}:a`),
      ...publication.map((step) => `${step}:b`),
    ]);
  });

  test("of twenty replacements at once the last accepted is live in the end, and every other ends", async () => {
    const { activities, happened } = fakePackages();

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      for (let number = 1; number <= 20; number++) {
        await handle.executeUpdate(replacePackage, { args: [orderOf(`${number}`, number)] });
      }
      await until(() => happened.includes("keepLog:20"));
      const over = () => happened.filter((what) => /^(endRun|keepLog):/.test(what)).length;
      await until(() => over() === 20);
    });

    const live = happened.filter((what) => what.startsWith("recordLive:"));
    expect(live.at(-1)).toBe("recordLive:20");
    expect(live.map((what) => Number(what.split(":")[1]))).toEqual(
      live.map((what) => Number(what.split(":")[1])).sort((a, b) => a - b),
    );
  });

  test("an order that came over when the history was begun anew is not begun twice", async () => {
    const { activities, happened } = fakePackages();
    const waiting = [orderOf("a", 1)];

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await client.workflow.start(packageLine, {
        taskQueue,
        workflowId: randomUUID(),
        args: [{ packageId: "p", serial: "1001", waiting }],
      });
      await handle.executeUpdate(replacePackage, { args: waiting as [RunOrder] });
      await until(() => happened.includes("keepLog:a"));
    });

    expect(happened.filter((what) => what === "beginBuild:a")).toHaveLength(1);
    expect(happened.filter((what) => what.startsWith("endRun"))).toEqual([]);
  });

  test("a parked publication is overtaken by what is accepted while it waits for a person", async () => {
    const { activities, happened } = fakePackages({
      switchLink: async ({ runId }) => {
        if (runId === "a") throw broken("the store is away");
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      await handle.executeUpdate(replacePackage, { args: [orderOf("a", 1)] });
      await until(() => happened.includes("parkRun:a:switch"));
      await handle.executeUpdate(replacePackage, { args: [orderOf("b", 2)] });
      await until(() => happened.includes("keepLog:b"));
    });

    expect(happened).toContain("endRun:a:superseded");
  });

  test("an unexpected failure of one publication does not end the package", async () => {
    const plain = fakePackages().activities;
    const { activities, happened } = fakePackages({
      async openPublication(order) {
        if (order.runId === "a") throw badContent("nobody thought of this");
        return plain.openPublication(order);
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      await handle.executeUpdate(replacePackage, { args: [orderOf("a", 1)] });
      await until(() => happened.includes("endRun:a:failed"));
      await handle.executeUpdate(replacePackage, { args: [orderOf("b", 2)] });
      await until(() => happened.includes("keepLog:b"));
    });

    expect(happened).toContain("recordLive:b");
  });

  test("a build that is ended from outside ends its run, not the package", async () => {
    const { activities, happened } = fakePackages({
      runBuildStep: async () => {
        throw broken("for ever");
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      await handle.executeUpdate(replacePackage, { args: [orderOf("a", 1)] });
      const child = client.workflow.getHandle("package/p/build/a");
      await until(() => isParked(child).catch(() => false));
      await child.terminate("a test");
      await until(() => happened.includes("endRun:a:failed"));
      expect((await handle.describe()).status.name).toBe("RUNNING");
    });
  });

  test("a build that is cancelled from outside ends its run, not the package", async () => {
    const { activities, happened } = fakePackages({
      async runBuildStep({ runId, step }) {
        if (runId === "a") throw broken("for ever");
        return { key: step, bytes: 1, sha256: "" };
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      await handle.executeUpdate(replacePackage, { args: [orderOf("a", 1)] });
      const child = client.workflow.getHandle("package/p/build/a");
      await until(() => isParked(child).catch(() => false));
      await child.cancel();
      await until(() => happened.includes("endRun:a:cancelled"));
      await handle.executeUpdate(replacePackage, { args: [orderOf("b", 2)] });
      await until(() => happened.includes("keepLog:b"));
    });

    expect(happened).toContain("recordLive:b");
  });

  test("a package's workflow that is cancelled leaves no run open and the link as it was", async () => {
    const { activities, happened } = fakePackages({
      async purgeLink() {
        throw broken("the edge is away");
      },
      async runBuildStep({ runId, step }) {
        if (runId === "b") throw broken("for ever");
        return { key: step, bytes: 1, sha256: "" };
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => {
      const handle = await startLine(client);
      await handle.executeUpdate(replacePackage, { args: [orderOf("a", 2)] });
      await until(() => happened.includes("purgeLink:a"));
      await handle.executeUpdate(replacePackage, { args: [orderOf("b", 1)] });
      await until(() => happened.includes("runBuildStep:b:metadata"));
      await handle.executeUpdate(rollBackPackage, { args: [orderOf("c", 0, "rollback")] });
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow(/cancelled/);
    });

    expect(happened).toContain("restoreLink:a");
    for (const run of ["a", "b", "c"]) expect(happened).toContain(`endRun:${run}:cancelled`);
  });

  test("a package's workflow that is reset goes on with what was being built", async () => {
    let works = false;
    const { activities, happened } = fakePackages({
      async runBuildStep({ step }) {
        await until(() => works);
        return { key: step, bytes: 1, sha256: "" };
      },
    });

    await withWorkers(ALL, activities, async ({ client }) => {
      const { workflowId } = await startLine(client);
      const handle = client.workflow.getHandle(workflowId);
      await handle.executeUpdate(replacePackage, { args: [orderOf("a", 1)] });
      await until(() => happened.includes("runBuildStep:a:metadata"));
      await client.workflowService.resetWorkflowExecution({
        namespace: client.options.namespace,
        workflowExecution: { workflowId },
        workflowTaskFinishEventId: Long.fromNumber(4),
        requestId: randomUUID(),
        reason: "a test",
      });
      works = true;
      await until(() => happened.includes("keepLog:a"));
    });

    expect(happened.filter((what) => what.startsWith("endRun"))).toEqual([]);
  });
});
