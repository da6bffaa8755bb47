import { proxyActivities } from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { unlessCancelled } from "../helpers/cancellation.ts";

const { followSchedule } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "30 seconds",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
  summary: "bring the schedule to what was said",
});

/** Sees to it that Temporal keeps the package's schedule as its row says. */
export interface Follower {
  /** Whether it is behind: carried over when the history is begun anew. */
  isBehind(): boolean;
  /** The row has changed. */
  follow(): void;
}

/** Opens the follower of a package; `isBehind` goes on with what an earlier history has begun. */
export function openFollower(packageId: string, isBehind: boolean): Follower {
  let isAsked = false;
  let running = false;
  const run = async () => {
    // One after the other, and each reads the row anew: what was said last is done last.
    while (isAsked) {
      isAsked = false;
      await followSchedule({ packageId });
    }
    running = false;
  };
  const follow = () => {
    isAsked = true;
    if (running) return;
    running = true;
    void run().catch(unlessCancelled);
  };
  if (isBehind) follow();
  return { isBehind: () => running, follow };
}
