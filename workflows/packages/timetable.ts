import { CancellationScope, proxyActivities, sleep } from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { onBehalfOf } from "../helpers/caller.ts";
import { unlessCancelled } from "../helpers/cancellation.ts";
import type { AcceptedOrder } from "./orders.ts";
import { endRun } from "./records.ts";

const { takePublicationTurn } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 seconds",
  retry: { maximumInterval: "4 seconds" },
  summary: "take the turn of a timed publication",
});

const WHY = {
  cancelled: "The draft was published, put off, withdrawn or held before its time.",
  superseded: "A later upload or rollback came first.",
};

/** Publications that wait for their time. */
export interface Timetable {
  /** What still waits, soonest first: to be shown, and carried over when the history is begun anew. */
  orders(): AcceptedOrder[];
  add(order: AcceptedOrder): void;
  /** What was ordered for this version before `runId` is void now, and ends at once. */
  revoke(versionId: string, runId: string): void;
  /** Ends one that somebody has cancelled; false when it does not wait here. */
  cancel(runId: string): boolean;
}

/** Keeps timed publications until they are due and have their number; then `onDue` gets each once. */
export function openTimetable(
  kept: AcceptedOrder[],
  onDue: (order: AcceptedOrder) => void,
): Timetable {
  const waiting = new Map<string, { order: AcceptedOrder; timer: CancellationScope }>();

  const add = (order: AcceptedOrder) => {
    const timer = new CancellationScope();
    waiting.set(order.runId, { order, timer });
    void onBehalfOf(order.caller, () => keep(order, timer)).catch(unlessCancelled);
  };

  const keep = async (order: AcceptedOrder, timer: CancellationScope) => {
    const { packageId, runId, title, publishAt = 0 } = order;
    const waitMs = publishAt - Date.now();
    const summary = `publish ${title} at ${new Date(publishAt).toISOString()}`;
    // A timer that was revoked goes on at once: the database knows that its time will not come.
    if (waitMs > 0) await timer.run(() => sleep(waitMs, { summary })).catch(unlessCancelled);
    const turn = await takePublicationTurn({ packageId, runId });
    if ("end" in turn) await endRun({ packageId, runId, state: turn.end, reason: WHY[turn.end] });
    else onDue({ ...order, number: turn.number });
    waiting.delete(runId);
  };

  for (const order of kept) add(order);
  return {
    orders: () =>
      [...waiting.values()]
        .map(({ order }) => order)
        .sort((a, b) => (a.publishAt ?? 0) - (b.publishAt ?? 0)),
    add,
    cancel(runId) {
      const order = waiting.get(runId);
      order?.timer.cancel();
      return order !== undefined;
    },
    revoke(versionId, runId) {
      for (const { order, timer } of waiting.values()) {
        if (order.versionId === versionId && order.runId !== runId) timer.cancel();
      }
    },
  };
}
