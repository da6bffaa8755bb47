import type { Client, WorkflowHandle } from "@temporalio/client";
import type { BuildPlan, YankOrder } from "../../activities/packages/contract.ts";
import type { PackageActivities } from "../../activities/packages/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { resolveParked } from "../../workflows/helpers/parking.ts";
import {
  followSchedule,
  cancelRun,
  packageBuild,
  packageLine,
  packageRescan,
  packageSweep,
  packageTick,
  publishVersion,
  rebuildVersion,
  removePackage,
  replacePackage,
  rollBackPackage,
  yankVersion,
} from "../../workflows/packages/index.ts";
import { accountCases } from "./account-history-cases.ts";
import { billingCases } from "./billing-history-cases.ts";
import { cardBatchCases } from "./card-batch-history-cases.ts";
import { cardBulkCases } from "./card-bulk-history-cases.ts";
import { cardImportCases } from "./card-import-history-cases.ts";
import { cardCases } from "./card-history-cases.ts";
import { downloadCases } from "./download-history-cases.ts";
import { badContent, broken, fakePackages, finding, orderOf } from "./fakes/package-activities.ts";
import { paymentCases } from "./payment-history-cases.ts";
import { until } from "./until.ts";
import { webhookCases } from "./webhook-history-cases.ts";

/** One life of a workflow that is recorded once and replayed for ever after. */
export interface HistoryCase {
  /** The exported name of the workflow. */
  workflow: string;
  name: string;
  activities: () => object;
  /** True for a life that is lived on a server that skips time. */
  skipsTime?: true;
  /** Lives it, `sleep` letting time pass; answers the execution whose history is worth keeping. */
  live: (
    client: Client,
    workflowId: string,
    sleep: (ms: number) => Promise<void>,
  ) => Promise<WorkflowHandle>;
}

const taskQueue = QUEUES.orchestrator;

const build =
  (
    workflow: Partial<HistoryCase> & { meanwhile?: (handle: WorkflowHandle) => Promise<void> } = {},
  ) =>
  async (client: Client, workflowId: string) => {
    const args: [ReturnType<typeof orderOf>] = [orderOf("run-1", 1)];
    const handle = await client.workflow.start(packageBuild, { taskQueue, workflowId, args });
    await workflow.meanwhile?.(handle);
    await handle.result();
    return handle;
  };

const line =
  (
    tell: (handle: WorkflowHandle<typeof packageLine>) => Promise<void>,
    ended: (fake: string[]) => boolean,
    happened: () => string[],
  ) =>
  async (client: Client, workflowId: string) => {
    const handle = await client.workflow.start(packageLine, {
      taskQueue,
      workflowId,
      args: [{ packageId: workflowId, serial: "1001" }],
    });
    await tell(handle);
    await until(() => ended(happened()));
    await handle.cancel();
    await handle.result().catch(() => {});
    return handle;
  };

const tick: HistoryCase["live"] = async (client, workflowId) => {
  const args: [{ packageId: string }] = [{ packageId: "p" }];
  const handle = await client.workflow.start(packageTick, { taskQueue, workflowId, args });
  await handle.result();
  return handle;
};

const sweep: HistoryCase["live"] = async (client, workflowId) => {
  const handle = await client.workflow.start(packageSweep, { taskQueue, workflowId, args: [] });
  await handle.result();
  return handle;
};

const decide = (handle: WorkflowHandle, action: "retry" | "abort") =>
  until(async () => {
    const args: [{ action: "retry" | "abort"; reason: string; by: string }] = [
      { action, reason: "recorded", by: "admin" },
    ];
    return handle.executeUpdate(resolveParked, { args }).then(
      () => true,
      () => false,
    );
  });

/** The plan of a run that begins with what an earlier one has left. */
const REST_OF_A_BUILD: BuildPlan = {
  open: true,
  type: "apk",
  version: "1.0.0",
  versionId: "version-1",
  steps: ["sign", "checksums"],
  original: { key: "aligned", bytes: 1, sha256: "0".repeat(64) },
  isKept: true,
};

function cases(): HistoryCase[] {
  const failing = (
    times: number,
    reason = "the tool is broken",
  ): PackageActivities["runBuildStep"] => {
    let left = times;
    return async ({ step }) => {
      if (left-- > 0) throw broken(reason);
      return { key: step, bytes: 1, sha256: "0".repeat(64) };
    };
  };
  const published = fakePackages();
  const rebuilt = fakePackages();
  const overtaken = fakePackages();
  const timed = fakePackages();
  const stuck = fakePackages({
    checkLink: async () => {
      throw broken("the edge shows old bytes");
    },
  });
  const scheduled = fakePackages();
  let looks = 0;
  const graced = fakePackages({
    recordLive: async () => true,
    retireVersions: async () =>
      looks++ === 0
        ? { removed: [], graces: [{ title: "Demo run-0", until: Date.now() + 2_000 }] }
        : { removed: ["version-run-0"], graces: [] },
  });
  const cancelled = fakePackages({
    runBuildStep: failing(99),
    takePublicationTurn: async () => ({ number: 0, end: "cancelled" }),
  });
  let batches = 2;
  const targets = ["hit", "broken"].map((versionId) => {
    const title = `Demo ${versionId}`;
    return { packageId: "p", type: "zip" as const, objects: [], versionId, title };
  });
  return [
    {
      workflow: "packageBuild",
      name: "built",
      activities: () =>
        fakePackages(
          {},
          { type: "apk", steps: ["metadata", "scan", "harden", "align", "sign", "checksums"] },
        ).activities,
      live: build(),
    },
    {
      workflow: "packageBuild",
      name: "from-a-step-on",
      activities: () => fakePackages({ beginBuild: async () => REST_OF_A_BUILD }).activities,
      live: build(),
    },
    {
      workflow: "packageBuild",
      name: "bad-content",
      activities: () =>
        fakePackages({
          runBuildStep: async () => {
            throw badContent("no manifest");
          },
        }).activities,
      live: build(),
    },
    {
      workflow: "packageBuild",
      name: "quarantined",
      activities: () =>
        fakePackages({
          runBuildStep: async () => {
            throw finding("The malware scan found Eicar.");
          },
        }).activities,
      live: build(),
    },
    {
      workflow: "packageBuild",
      name: "parked-and-retried",
      activities: () => fakePackages({ runBuildStep: failing(3) }).activities,
      live: build({ meanwhile: (handle) => decide(handle, "retry") }),
    },
    {
      workflow: "packageBuild",
      name: "parked-and-aborted",
      activities: () => fakePackages({ runBuildStep: failing(99) }).activities,
      live: build({ meanwhile: (handle) => decide(handle, "abort") }),
    },
    {
      workflow: "packageLine",
      name: "uploaded-and-rolled-back",
      activities: () => published.activities,
      live: line(
        async (handle) => {
          await handle.executeUpdate(replacePackage, { args: [orderOf("run-1", 1)] });
          await until(() => published.happened.includes("recordLive:run-1"));
          await handle.executeUpdate(rollBackPackage, { args: [orderOf("run-2", 2, "rollback")] });
        },
        (happened) => happened.includes("keepLog:run-2"),
        () => published.happened,
      ),
    },
    {
      workflow: "packageLine",
      name: "built-again",
      activities: () => rebuilt.activities,
      live: line(
        async (handle) => {
          await handle.executeUpdate(rebuildVersion, { args: [orderOf("run-1", 1, "rebuild")] });
        },
        (happened) => happened.includes("keepLog:run-1"),
        () => rebuilt.happened,
      ),
    },
    {
      workflow: "packageLine",
      name: "superseded",
      activities: () => overtaken.activities,
      live: line(
        async (handle) => {
          await handle.executeUpdate(replacePackage, { args: [orderOf("run-2", 2)] });
          await until(() => overtaken.happened.includes("keepLog:run-2"));
          await handle.executeUpdate(replacePackage, { args: [orderOf("run-1", 1)] });
        },
        (happened) => happened.includes("endRun:run-1:superseded"),
        () => overtaken.happened,
      ),
    },
    {
      workflow: "packageLine",
      name: "publication-parked-and-aborted",
      activities: () => stuck.activities,
      live: line(
        async (handle) => {
          await handle.executeUpdate(replacePackage, { args: [orderOf("run-1", 1)] });
          // An edge that shows old bytes is given minutes before a person is asked.
          await until(() => stuck.happened.includes("parkRun:run-1:check"), 600_000);
          await decide(handle, "abort");
        },
        (happened) => happened.includes("endRun:run-1:cancelled"),
        () => stuck.happened,
      ),
    },
    {
      workflow: "packageLine",
      name: "timed-yanked-and-removed",
      activities: () => timed.activities,
      live: line(
        async (handle) => {
          const draft = { ...orderOf("run-1", 0, "publish"), publishAt: Date.now() + 2_000 };
          const put = { ...orderOf("run-2", 0, "publish"), publishAt: Date.now() + 60_000 };
          await handle.executeUpdate(publishVersion, { args: [put] });
          await handle.executeUpdate(publishVersion, { args: [draft] });
          await until(() => timed.happened.includes("keepLog:run-1"));
          const yank = { ...orderOf("run-3", 0, "yank"), versionId: put.versionId };
          const args: [YankOrder] = [{ yank, fallback: orderOf("run-4", 9, "rollback") }];
          await handle.executeUpdate(yankVersion, { args });
          await until(() => timed.happened.includes("keepLog:run-4"));
          await until(() => timed.happened.includes("endRun:run-3:succeeded"));
          await handle.executeUpdate(removePackage, { args: [{ packageId: "p" }] });
        },
        (happened) => happened.includes("forgetPackage"),
        () => timed.happened,
      ),
    },
    {
      workflow: "packageLine",
      name: "kept-for-its-grace-and-removed",
      activities: () => graced.activities,
      live: line(
        async (handle) => {
          await handle.executeUpdate(replacePackage, { args: [orderOf("run-1", 1)] });
        },
        (happened) => happened.includes("clearVersions"),
        () => graced.happened,
      ),
    },
    {
      workflow: "packageLine",
      name: "scheduled",
      activities: () => scheduled.activities,
      live: line(
        async (handle) => {
          await handle.executeUpdate(followSchedule, { args: [{ packageId: "p" }] });
        },
        (happened) => happened.includes("followSchedule"),
        () => scheduled.happened,
      ),
    },
    {
      workflow: "packageTick",
      name: "ordered",
      activities: () => fakePackages().activities,
      live: tick,
    },
    {
      workflow: "packageTick",
      name: "skipped",
      activities: () =>
        fakePackages({ takeTick: async () => ({ skipped: "A run is under way." }) }).activities,
      live: tick,
    },
    {
      workflow: "packageLine",
      name: "cancelled-run-by-run",
      activities: () => cancelled.activities,
      live: line(
        async (handle) => {
          const cancel = (runId: string) =>
            handle.executeUpdate(cancelRun, { args: [{ packageId: "p", runId }] });
          await handle.executeUpdate(replacePackage, { args: [orderOf("run-1", 1)] });
          await until(() => cancelled.happened.includes("parkRun:run-1:metadata"));
          await cancel("run-1");
          await until(() => cancelled.happened.includes("endRun:run-1:cancelled"));
          const put = { ...orderOf("run-2", 0, "publish"), publishAt: Date.now() + 60_000 };
          await handle.executeUpdate(publishVersion, { args: [put] });
          await cancel("run-2");
          await cancel("run-3");
        },
        (happened) =>
          ["run-2", "run-3"].every((run) => happened.includes(`endRun:${run}:cancelled`)),
        () => cancelled.happened,
      ),
    },
    {
      workflow: "packageSweep",
      name: "runs-and-packages",
      activities: () => fakePackages().activities,
      live: sweep,
    },
    {
      workflow: "packageRescan",
      name: "hit-and-failed",
      activities: () =>
        fakePackages({
          findRescans: async ({ after }) => (after.length > 0 ? [] : targets),
          async rescanVersion({ versionId }) {
            if (versionId === "broken") throw broken("no scanner");
            return ["Eicar"];
          },
        }).activities,
      async live(client, workflowId) {
        const handle = await client.workflow.start(packageRescan, { taskQueue, workflowId });
        await handle.result();
        return handle;
      },
    },
    {
      workflow: "packageSweep",
      name: "two-batches",
      activities: () =>
        fakePackages({ clearRunOutputs: async ({ limit }) => (--batches > 0 ? limit : 0) })
          .activities,
      live: sweep,
    },
  ];
}

const LIVES = [
  cases,
  webhookCases,
  accountCases,
  billingCases,
  paymentCases,
  cardCases,
  downloadCases,
  cardBatchCases,
  cardBulkCases,
  cardImportCases,
];

/** Every recorded life, newest workflows last. */
export const HISTORY_CASES: readonly HistoryCase[] = LIVES.flatMap((livesOf) => livesOf());
