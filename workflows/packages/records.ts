import { proxyActivities } from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import { QUEUES } from "../../domain/queues.ts";

/** Begins a run. Asked of a worker that runs tools, for only such a one needs to know which steps are configured. */
export const { beginBuild } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.build,
  startToCloseTimeout: "10 seconds",
  retry: { maximumInterval: "10 seconds" },
  summary: "read what is to be done",
});

/** Write down where a run stands. */
export const { parkRun, resumeRun, openPublication, recordLive } =
  proxyActivities<PackageActivities>({
    taskQueue: QUEUES.io,
    startToCloseTimeout: "10 seconds",
    retry: { maximumInterval: "10 seconds" },
    summary: "record where the run stands",
  });

/** Write down how a run ended, and store its log, which may last. */
export const { endRun, keepLog } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "1 hour",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "10 seconds" },
  summary: "record how the run ended",
});
