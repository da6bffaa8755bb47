import type { WorkflowHandle } from "@temporalio/client";
import { QUEUES } from "../../domain/queues.ts";
import { ledgerReconciliation } from "../../workflows/billing.ts";
import { resolveParked } from "../../workflows/helpers/parking.ts";
import { fakeBilling } from "./fakes/billing-activities.ts";
import type { HistoryCase } from "./history-cases.ts";
import { until } from "./until.ts";

const reconciled =
  (meanwhile: (handle: WorkflowHandle) => Promise<void> = async () => {}): HistoryCase["live"] =>
  async (client, workflowId) => {
    const handle = await client.workflow.start(ledgerReconciliation, {
      taskQueue: QUEUES.orchestrator,
      workflowId,
    });
    await meanwhile(handle);
    await handle.result();
    return handle;
  };

/** The recorded lives of what watches over the ledger. */
export function billingCases(): HistoryCase[] {
  const wrong = fakeBilling([1, 1, 0]);
  const given = fakeBilling([1]);
  const by = { reason: "seen", by: "admin" };
  return [
    {
      workflow: "ledgerReconciliation",
      name: "balanced",
      activities: () => fakeBilling([0]).activities,
      live: reconciled(),
    },
    {
      workflow: "ledgerReconciliation",
      name: "parked-and-tried-again",
      activities: () => wrong.activities,
      live: reconciled(async (handle) => {
        for (const times of [1, 2]) {
          await until(() => wrong.told.length === times);
          await handle.executeUpdate(resolveParked, { args: [{ action: "retry", ...by }] });
        }
      }),
    },
    {
      workflow: "ledgerReconciliation",
      name: "given-up",
      activities: () => given.activities,
      live: reconciled(async (handle) => {
        await until(() => given.told.length === 1);
        await handle.executeUpdate(resolveParked, { args: [{ action: "abort", ...by }] });
      }),
    },
  ];
}
