import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { cardBulk } from "../../workflows/cards/index.ts";
import { fakeBulks } from "../support/fakes/card-bulk-activities.ts";
import { withWorkers } from "../support/temporal.ts";

const ALL = Object.values(QUEUES);
const start = () => ({
  taskQueue: QUEUES.orchestrator,
  workflowId: randomUUID(),
  args: [{ bulkId: "b" }] as [{ bulkId: string }],
});

test("what is ordered of many cards is done stretch by stretch, and so is its undoing", async () => {
  const { activities, failed } = fakeBulks(["running", "completed", "undoing", "undone"]);

  const stages = await withWorkers(ALL, activities, async ({ client }) => {
    const handles = [await client.workflow.start(cardBulk, start())];
    await handles[0]!.result();
    handles.push(await client.workflow.start(cardBulk, start()));
    await handles[1]!.result();
    const shown = await Promise.all(handles.map((handle) => handle.describe()));
    return shown.map(({ typedSearchAttributes: of }) => of.get(SEARCH_ATTRIBUTES.stage));
  });

  expect(stages).toEqual(["completed", "undone"]);
  expect(failed).toEqual([]);
});

test("what cannot go on ends failed, with its reason; what is over is left alone", async () => {
  const { activities, failed } = fakeBulks(["running", "no database"]);

  await withWorkers(ALL, activities, async ({ client }) => {
    await expect(client.workflow.execute(cardBulk, start())).rejects.toThrow(
      "Workflow execution failed",
    );
    await client.workflow.execute(cardBulk, start());
  });

  expect(failed).toEqual(["There is no such order."]);
});
