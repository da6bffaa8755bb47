import type { WorkflowHandle } from "@temporalio/client";
import { QUEUES } from "../../domain/queues.ts";
import { holdExpiry, ledgerReconciliation } from "../../workflows/billing/index.ts";
import { resolveParked } from "../../workflows/helpers/parking.ts";
import { fakeBilling, type FakeFunds, fakeFunds } from "./fakes/billing-activities.ts";
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

/** The end of a hold, which is extended once, by a second; then `end` happens to it, or nothing. */
const expired =
  ({ hold }: FakeFunds, end?: (typeof hold)["state"]): HistoryCase["live"] =>
  async (client, workflowId) => {
    hold.expiresAt = Date.now() + 2_000;
    const handle = await client.workflow.start(holdExpiry, {
      taskQueue: QUEUES.orchestrator,
      workflowId,
      args: [{ holdId: "h" }],
      startDelay: "1 second",
    });
    if (end) hold.state = end;
    await handle.result();
    return handle;
  };

/** The recorded lives of holds, and of what watches over the ledger. */
export function billingCases(): HistoryCase[] {
  const wrong = fakeBilling([1, 1, 0]);
  const given = fakeBilling([1]);
  const [abandoned, captured] = [fakeFunds(), fakeFunds()];
  const by = { reason: "seen", by: "admin" };
  return [
    {
      workflow: "holdExpiry",
      name: "extended-and-abandoned",
      activities: () => abandoned.activities,
      live: expired(abandoned),
    },
    {
      workflow: "holdExpiry",
      name: "captured",
      activities: () => captured.activities,
      live: expired(captured, "captured"),
    },
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
