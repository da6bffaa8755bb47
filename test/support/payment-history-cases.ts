import type { WorkflowHandle } from "@temporalio/client";
import { QUEUES } from "../../domain/queues.ts";
import { rechargePayment } from "../../workflows/billing/payments.ts";
import { resolveParked } from "../../workflows/helpers/parking.ts";
import { fakePayments } from "./fakes/payment-activities.ts";
import type { HistoryCase } from "./history-cases.ts";

type Sleep = Parameters<HistoryCase["live"]>[2];
const taskQueue = QUEUES.orchestrator;

const TWO_DAYS_MS = 2 * 86_400_000;

/** The lives of payments that somebody is to make. */
export function paymentCases(): HistoryCase[] {
  const waited = (
    says: Parameters<typeof fakePayments>,
    meanwhile: (handle: WorkflowHandle, sleep: Sleep) => Promise<void> = async () => {},
  ): Omit<HistoryCase, "name"> => ({
    workflow: "rechargePayment",
    activities: () => fakePayments(...says).activities,
    skipsTime: true,
    live: async (client, workflowId, sleep) => {
      const args: [{ rechargeId: string }] = [{ rechargeId: "r" }];
      const handle = await client.workflow.start(rechargePayment, { taskQueue, workflowId, args });
      await meanwhile(handle, sleep);
      await handle.result();
      return handle;
    },
  });
  const giveUp = async (handle: WorkflowHandle, sleep: Sleep) => {
    await sleep(TWO_DAYS_MS);
    const decision = { action: "abort", reason: "recorded", by: "admin" } as const;
    await handle.executeUpdate(resolveParked, { args: [decision] });
  };
  return [
    { name: "paid", ...waited(["pending", "away", "paid"]) },
    { name: "expired", ...waited(["pending", "pending", "pending", "expired"]) },
    { name: "parked-and-given-up", ...waited(["away"], giveUp) },
  ];
}
