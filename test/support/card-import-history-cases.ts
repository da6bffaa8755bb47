import { QUEUES } from "../../domain/queues.ts";
import { cardImport } from "../../workflows/cards/index.ts";
import { fakeImports } from "./fakes/card-import-activities.ts";
import type { HistoryCase } from "./history-cases.ts";

const live: HistoryCase["live"] = async (client, workflowId) => {
  const handle = await client.workflow.start(cardImport, {
    taskQueue: QUEUES.orchestrator,
    workflowId,
    args: [{ importId: workflowId }],
  });
  await handle.result().catch(() => {});
  return handle;
};

/** The recorded lives of imports of cards. */
export function cardImportCases(): HistoryCase[] {
  const workflow = "cardImport";
  return [
    { workflow, name: "done", activities: () => fakeImports([500, 1000]).activities, live },
    { workflow, name: "failed", activities: () => fakeImports([500, "lost"]).activities, live },
  ];
}
