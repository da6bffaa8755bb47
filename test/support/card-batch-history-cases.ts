import { QUEUES } from "../../domain/queues.ts";
import { cardBatch } from "../../workflows/cards/index.ts";
import { fakeBatches } from "./fakes/card-batch-activities.ts";
import type { HistoryCase } from "./history-cases.ts";

const live: HistoryCase["live"] = async (client, workflowId) => {
  const handle = await client.workflow.start(cardBatch, {
    taskQueue: QUEUES.orchestrator,
    workflowId,
    args: [{ batchId: workflowId }],
  });
  await handle.result().catch(() => {});
  return handle;
};

/** The recorded lives of batches of cards. */
export function cardBatchCases(): HistoryCase[] {
  const workflow = "cardBatch";
  return [
    { workflow, name: "made", activities: () => fakeBatches([6000, 10_000]).activities, live },
    { workflow, name: "failed", activities: () => fakeBatches([6000, "no room"]).activities, live },
  ];
}
