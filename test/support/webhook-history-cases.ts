import type { Client, WorkflowHandle } from "@temporalio/client";
import type { TryResult } from "../../activities/webhooks/contract.ts";
import { QUEUES } from "../../domain/queues.ts";
import { sendAgain, webhookDelivery } from "../../workflows/webhooks.ts";
import { fakeWebhooks, refused } from "./fakes/webhook-activities.ts";
import type { HistoryCase } from "./history-cases.ts";
import { until } from "./until.ts";

const taskQueue = QUEUES.orchestrator;

const delivery =
  (meanwhile: (handle: WorkflowHandle) => Promise<void> = async () => {}) =>
  async (client: Client, workflowId: string) => {
    const handle = await client.workflow.start(webhookDelivery, {
      taskQueue,
      workflowId,
      args: [{ deliveryId: workflowId, round: 1, event: "package.published" }],
    });
    await meanwhile(handle);
    await handle.result().catch(() => {});
    return handle;
  };

/** The lives of deliveries to receivers. */
export function webhookCases(): HistoryCase[] {
  const replayed = fakeWebhooks(({ round }) => (round === 1 ? refused : { outcome: "delivered" }));
  const cancelled = fakeWebhooks(() => refused);
  const answered = (name: string, ...answers: TryResult[]): HistoryCase => ({
    workflow: "webhookDelivery",
    name,
    activities: () => fakeWebhooks(({ number }) => answers[number - 1]!).activities,
    live: delivery(),
  });
  return [
    answered("delivered", { outcome: "delivered" }),
    answered("refused-then-delivered", refused, { outcome: "delivered" }),
    answered("gone", { outcome: "gone", reason: "The address answered 410 Gone." }),
    answered("held", { outcome: "held" }),
    {
      workflow: "webhookDelivery",
      name: "replayed-while-it-waits",
      activities: () => replayed.activities,
      live: delivery(async (handle) => {
        await until(() => replayed.happened.includes("pending:1"));
        await handle.executeUpdate(sendAgain, { args: [{ round: 2 }] });
      }),
    },
    {
      workflow: "webhookDelivery",
      name: "cancelled",
      activities: () => cancelled.activities,
      live: delivery(async (handle) => {
        await until(() => cancelled.happened.includes("pending:1"));
        await handle.cancel();
      }),
    },
  ];
}
