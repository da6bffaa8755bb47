import { CancellationScope, proxyActivities } from "@temporalio/workflow";
import type { DownloadActivities, FetchRef } from "../../activities/downloads/index.ts";
import { QUEUES } from "../../domain/queues.ts";

const { removeParts } = proxyActivities<DownloadActivities>({
  taskQueue: QUEUES.download,
  startToCloseTimeout: "2 minutes",
  scheduleToCloseTimeout: "10 minutes",
  heartbeatTimeout: "10 seconds",
  retry: { maximumAttempts: 3 },
  summary: "remove what is unfinished",
});

/** Nobody is held up by it: what a machine that is away has left, it removes when it is back. */
export function tidyUp(of: FetchRef): Promise<void> {
  return CancellationScope.nonCancellable(() => removeParts(of).catch(() => {}));
}
