import { patched, proxyActivities, setCurrentDetails } from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import { LIMITS } from "../../domain/limits.ts";
import { QUEUES } from "../../domain/queues.ts";

const { clearRunOutputs } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 minutes",
  heartbeatTimeout: "5 seconds",
  summary: "remove outputs of runs that ended days ago",
});

const { tellOverdue } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "1 minute",
  heartbeatTimeout: "5 seconds",
  summary: "look for packages that keep too much",
});

const BATCH = 50;
const DAY_MS = 86_400_000;

/** Removes what ended runs left between their steps, some days after their end; wakes packages that keep too much. */
export async function packageSweep(): Promise<number> {
  const endedBefore = Date.now() - LIMITS.runOutputDays * DAY_MS;
  let cleared = 0;
  for (;;) {
    const more = await clearRunOutputs({ endedBefore, limit: BATCH });
    cleared += more;
    setCurrentDetails(`${cleared} runs cleared`);
    if (more < BATCH) break;
  }
  if (patched("2026-11-21 retention")) {
    let after: string | null = "";
    while (after !== null) after = await tellOverdue({ after, limit: BATCH });
  }
  return cleared;
}
