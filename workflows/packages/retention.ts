import { CancellationScope, proxyActivities, sleep } from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { unlessCancelled } from "../helpers/cancellation.ts";

const { retireVersions } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "1 minute",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "4 seconds" },
  summary: "decide which versions are kept",
});

const { clearVersions } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "1 hour",
  heartbeatTimeout: "5 seconds",
  retry: { initialInterval: "1 second", maximumInterval: "30 seconds" },
  summary: "remove the objects of removed versions",
});

/** A server's clock may be a little ahead of a worker's, for which the grace has then not ended yet. */
const SHORTEST_WAIT_MS = 1_000;

/** A version that is kept until then, in epoch milliseconds, because a link has shown it not long ago. */
interface Grace {
  title: string;
  until: number;
}

/** Sees to it that a package keeps as many versions as it is told to, and none for longer than its grace. */
export interface Keeper {
  /** Graces that have not ended, the one that ends first in front. */
  graces(): readonly Grace[];
  /** Whether something is to be removed, now or when a grace ends: carried over when the history is begun anew. */
  isKeeping(): boolean;
  /** What is kept has changed, or how much is to be kept: looks again. */
  look(): void;
}

/** Opens the keeper of a package; `isKeeping` goes on with what an earlier history has begun. */
export function openKeeper(packageId: string, isKeeping: boolean): Keeper {
  let graces: readonly Grace[] = [];
  let running = false;
  let isAsked = false;
  let timer: CancellationScope | undefined;

  const keep = async () => {
    while (isAsked) {
      isAsked = false;
      const found = await retireVersions({ packageId });
      graces = found.graces;
      if (found.removed.length > 0) await clearVersions({ packageId, versionIds: found.removed });
      const [next] = graces;
      if (!next || isAsked) continue;
      const waitMs = Math.max(next.until - Date.now(), SHORTEST_WAIT_MS);
      timer = new CancellationScope();
      await timer
        .run(() => sleep(waitMs, { summary: `the grace of ${next.title} ends` }))
        .catch(unlessCancelled);
      isAsked = true;
    }
    running = false;
  };
  const look = () => {
    isAsked = true;
    timer?.cancel();
    if (running) return;
    running = true;
    void keep().catch(unlessCancelled);
  };

  if (isKeeping) look();
  return { graces: () => graces, isKeeping: () => running, look };
}
