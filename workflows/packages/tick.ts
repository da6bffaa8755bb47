import { proxyActivities, setCurrentDetails, uuid4 } from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import { QUEUES } from "../../domain/queues.ts";

const { takeTick } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 seconds",
  retry: { maximumInterval: "4 seconds" },
  summary: "order a build of what is live",
});

const { awaitRun } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 seconds",
  retry: { maximumInterval: "30 seconds" },
  summary: "wait for the run to end",
});

/**
 * One tick of a package's schedule: orders that what is live is built again, and is over when that has ended. Until
 * then the schedule leaves its next ticks out.
 */
export async function packageTick({ packageId }: { packageId: string }): Promise<string> {
  const tick = await takeTick({ packageId, tickId: uuid4() });
  if ("skipped" in tick) return `skipped: ${tick.skipped}`;
  setCurrentDetails(`run ${tick.runId}`);
  return awaitRun(tick);
}
