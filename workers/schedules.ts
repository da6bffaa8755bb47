import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from "@temporalio/client";
import type { Duration } from "@temporalio/common";
import { QUEUES } from "../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../domain/search-attributes.ts";

interface Sweep {
  /** `sweep/<name>` is the schedule's and its workflows' id. */
  name: string;
  workflow: string;
  every: Duration;
  summary: string;
}

/** Every Temporal Schedule of the platform. */
const SWEEPS: readonly Sweep[] = [
  {
    name: "package-runs",
    workflow: "packageSweep",
    every: "1 hour",
    summary: "Remove outputs of package runs that ended days ago",
  },
  {
    name: "package-rescan",
    workflow: "packageRescan",
    every: "5 minutes",
    summary: "Scan what is published with signatures that have not seen it",
  },
  {
    name: "ledger",
    workflow: "ledgerReconciliation",
    every: "1 hour",
    summary: "Compare every balance with what its entries add up to",
  },
  {
    name: "cards",
    workflow: "cardReconciliation",
    every: "1 hour",
    summary: "End cards that are overdue, and give timers to those that have none",
  },
];

/** Makes the schedules that are missing and brings the others up to date. Twice is harmless. */
export async function applySchedules({ schedule }: Client): Promise<void> {
  for (const { name, workflow, every, summary } of SWEEPS) {
    const wanted = {
      spec: { intervals: [{ every }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 hour" as const },
      action: {
        type: "startWorkflow" as const,
        workflowType: workflow,
        workflowId: `sweep/${name}`,
        taskQueue: QUEUES.orchestrator,
        staticSummary: summary,
        typedSearchAttributes: [{ key: SEARCH_ATTRIBUTES.kind, value: "sweep" }],
      },
    };
    try {
      await schedule.create({ scheduleId: `sweep/${name}`, ...wanted });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await schedule
        .getHandle(`sweep/${name}`)
        .update(({ state }) => ({ ...wanted, state, action: { ...wanted.action, args: [] } }));
    }
  }
}
