import type { Client, WorkflowHandle } from "@temporalio/client";
import { QUEUES } from "../../domain/queues.ts";
import {
  cardEnd,
  cardReconciliation,
  cardWheel,
  lookAgain,
  turn,
} from "../../workflows/cards/index.ts";
import { fakeCards } from "./fakes/card-activities.ts";
import type { HistoryCase } from "./history-cases.ts";
import { until } from "./until.ts";

const taskQueue = QUEUES.orchestrator;

/** The recorded lives of what ends cards. */
export function cardCases(): HistoryCase[] {
  const over = fakeCards([1]);
  const gone = fakeCards();
  const moved = fakeCards();
  const wheel = fakeCards();
  const inSeconds = (seconds: number) => Date.now() + seconds * 1000;
  const begin = (client: Client, workflowId: string) =>
    client.workflow.start(cardEnd, { taskQueue, workflowId, args: [{ cardId: "card" }] });
  const ended = async (handle: WorkflowHandle) => {
    await handle.result();
    return handle;
  };
  return [
    {
      workflow: "cardEnd",
      name: "ended",
      activities: () => over.activities,
      live: async (client, workflowId) => ended(await begin(client, workflowId)),
    },
    {
      workflow: "cardEnd",
      name: "found-ended",
      activities: () => gone.activities,
      live: async (client, workflowId) => ended(await begin(client, workflowId)),
    },
    {
      workflow: "cardEnd",
      name: "moved-and-ended",
      activities: () => moved.activities,
      live: async (client, workflowId) => {
        moved.due.push(inSeconds(3600));
        const handle = await begin(client, workflowId);
        await until(() => moved.happened.length === 1);
        moved.due[0] = inSeconds(1);
        await handle.executeUpdate(lookAgain);
        return ended(handle);
      },
    },
    {
      workflow: "cardWheel",
      name: "turned-and-told",
      activities: () => wheel.activities,
      live: async (client, workflowId) => {
        wheel.due.push(1, 2, inSeconds(1), inSeconds(3600));
        const args: [{ shard: number }] = [{ shard: 3 }];
        const handle = await client.workflow.start(cardWheel, { taskQueue, workflowId, args });
        await until(() => wheel.happened.includes("ended 1"));
        wheel.due.splice(0, 1, inSeconds(1));
        await handle.executeUpdate(turn, { args: [{ dueAt: wheel.due[0]! }] });
        await until(() => wheel.due.length === 0);
        await until(() => wheel.happened.length >= 4);
        return handle;
      },
    },
    ...["done", "removed", "forgotten"].map((name) => ({
      workflow: "cardReconciliation",
      name,
      activities: () => fakeCards().activities,
      live: async (client: Client, workflowId: string) =>
        ended(await client.workflow.start(cardReconciliation, { taskQueue, workflowId })),
    })),
  ];
}
