import { isCancellation, proxyActivities, setCurrentDetails } from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import { SCAN_SECONDS } from "../../domain/pipelines.ts";
import { QUEUES } from "../../domain/queues.ts";
import { enterStage } from "../helpers/stage.ts";

const { findRescans } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.build,
  startToCloseTimeout: "1 minute",
  heartbeatTimeout: "5 seconds",
  summary: "look for what was not scanned with these signatures",
});

const { rescanVersion } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.build,
  startToCloseTimeout: `${2 * SCAN_SECONDS} seconds`,
  heartbeatTimeout: "5 seconds",
  retry: { initialInterval: "1 second", maximumInterval: "10 seconds", maximumAttempts: 3 },
  summary: "scan what is published",
});

const BATCH = 50;
/** Beyond these the next turn of the schedule goes on. */
const MOST_IN_ONE = 1_000;

/**
 * Scans what is published with signatures that have not seen it; what they hit is withdrawn. `versionIds`: these and
 * no others, whatever has seen them. Answers how many were scanned.
 */
export async function packageRescan(versionIds?: string[]): Promise<number> {
  const failed: string[] = [];
  const hits: string[] = [];
  let scanned = 0;
  const look = async (versionId: string, title: string) => {
    show(scanned, title, hits, failed);
    try {
      const found = await rescanVersion({ versionId });
      if (found.length > 0) hits.push(`${title}: ${found.join(", ")}`);
      scanned++;
    } catch (error) {
      if (isCancellation(error)) throw error;
      // The next turn tries again: nothing says that it was scanned.
      failed.push(versionId);
    }
  };
  enterStage("scanning");
  for (const versionId of versionIds ?? []) await look(versionId, versionId);
  for (let more = !versionIds; more && scanned + failed.length < MOST_IN_ONE;) {
    const batch = await findRescans({ limit: BATCH, after: failed });
    for (const { versionId, title } of batch) await look(versionId, title);
    more = batch.length === BATCH;
  }
  show(scanned, undefined, hits, failed);
  enterStage(hits.length > 0 ? "hit" : "clean", hits.join("; ").slice(0, 200) || undefined);
  return scanned;
}

/** The status sheet in Temporal's Web UI. */
function show(
  scanned: number,
  current: string | undefined,
  hits: readonly string[],
  failed: readonly string[],
): void {
  setCurrentDetails(
    [
      `- scanned: ${scanned}`,
      `- now: ${current ?? "nothing"}`,
      `- could not be scanned, and will be tried again: ${failed.length}`,
      ...hits.map((hit) => `- **found** in ${hit}: withdrawn, see GET /api/v1/quarantine`),
    ].join("\n"),
  );
}
