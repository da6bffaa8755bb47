import { proxyActivities } from "@temporalio/workflow";
import type { DoorOrder, RunOrder } from "../../activities/packages/contract.ts";
import type { PackageActivities } from "../../activities/packages/index.ts";
import type { Caller } from "../../domain/accounts.ts";
import { QUEUES } from "../../domain/queues.ts";
import { onBehalfOf } from "../helpers/caller.ts";
import { unlessCancelled } from "../helpers/cancellation.ts";
import { endRun } from "./records.ts";

const { forgetPackage } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "1 minute",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "10 seconds" },
  summary: "remove the package's rows",
});

const { purgeDoors } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  // An edge that is asked too often may want us to wait for minutes.
  startToCloseTimeout: "10 minutes",
  heartbeatTimeout: "5 seconds",
  // An edge that is away is told when it is back, however long that takes; Temporal's page shows the tries.
  retry: { initialInterval: "1 second", maximumInterval: "30 seconds" },
  summary: "tell edges to forget what they keep",
});

const { removePackageObjects } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "1 hour",
  heartbeatTimeout: "5 seconds",
  retry: { initialInterval: "1 second", maximumInterval: "30 seconds" },
  summary: "remove the package's objects",
});

/** Doors that were shut, of which edges still have to be told. */
export interface Closing extends DoorOrder {
  /** The run that ends when they were told. */
  run?: RunOrder | undefined;
  caller?: Caller | undefined;
}

/** Closings under way. They hold up nothing and are held up by nothing. */
export interface Closings {
  /** What is not done yet: carried over when the history is begun anew. */
  orders(): Closing[];
  add(closing: Closing): void;
}

/** Sees to it that edges hear of every door that was shut. */
export function openClosings(kept: Closing[]): Closings {
  const open = new Set<Closing>();
  const add = (closing: Closing) => {
    open.add(closing);
    void onBehalfOf(closing.caller, () => close(closing))
      .then(() => open.delete(closing))
      .catch(unlessCancelled);
  };
  for (const closing of kept) add(closing);
  return { orders: () => [...open], add };
}

async function close({ packageId, versionId, run }: Closing): Promise<void> {
  const part = run ? { runId: run.runId } : {};
  await purgeDoors({ packageId, ...(versionId && { versionId }), ...part });
  if (!run) return;
  const reason = "The version was withdrawn, and edges were told.";
  await endRun({ packageId, runId: run.runId, state: "succeeded", reason });
}

/** Removes all that is left of a package whose doors are shut: objects first, rows last. */
export async function removeAll(packageId: string): Promise<void> {
  await removePackageObjects({ packageId });
  await purgeDoors({ packageId });
  await forgetPackage({ packageId });
}
