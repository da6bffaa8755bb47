import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { cardBatch } from "../../workflows/cards/index.ts";
import { fakeBatches } from "../support/fakes/card-batch-activities.ts";
import { withWorkers } from "../support/temporal.ts";

const ALL = Object.values(QUEUES);
const start = () => ({
  taskQueue: QUEUES.orchestrator,
  workflowId: randomUUID(),
  args: [{ batchId: "b" }] as [{ batchId: string }],
});

test("a batch is made stretch by stretch, and says how far it is", async () => {
  const { activities, failed } = fakeBatches([4000, 8000, 10_000]);

  const shown = await withWorkers(ALL, activities, async ({ client }) => {
    const handle = await client.workflow.start(cardBatch, start());
    expect(await handle.result()).toBe(10_000);
    return handle.describe();
  });

  expect(shown.typedSearchAttributes.get(SEARCH_ATTRIBUTES.stage)).toBe("completed");
  expect(failed).toEqual([]);
});

test("a batch that cannot be made ends failed, with its reason; one that is over is left alone", async () => {
  const { activities, failed } = fakeBatches([4000, "no room"]);

  await withWorkers(ALL, activities, async ({ client }) => {
    await expect(client.workflow.execute(cardBatch, start())).rejects.toThrow(
      "Workflow execution failed",
    );
    expect(failed).toEqual(["Order longer ones."]);
    expect(await client.workflow.execute(cardBatch, start())).toBe(0);
  });

  expect(failed).toHaveLength(1);
});
