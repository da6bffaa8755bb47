import { QUEUES } from "../../domain/queues.ts";
import { cardBulk } from "../../workflows/cards/index.ts";
import { fakeBulks } from "./fakes/card-bulk-activities.ts";
import type { HistoryCase } from "./history-cases.ts";

const live: HistoryCase["live"] = async (client, workflowId) => {
  const handle = await client.workflow.start(cardBulk, {
    taskQueue: QUEUES.orchestrator,
    workflowId,
    args: [{ bulkId: workflowId }],
  });
  await handle.result().catch(() => {});
  return handle;
};

/** The recorded lives of what is ordered of many cards. */
export function cardBulkCases(): HistoryCase[] {
  const workflow = "cardBulk";
  const cases = {
    done: () => fakeBulks(["running", "completed"]).activities,
    undone: () => fakeBulks(["undoing", "undone"]).activities,
    failed: () => fakeBulks(["running", "no database"]).activities,
  };
  return Object.entries(cases).map(([name, activities]) => ({ workflow, name, activities, live }));
}
