import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { cardImport } from "../../workflows/cards/index.ts";
import { fakeImports } from "../support/fakes/card-import-activities.ts";
import { withWorkers } from "../support/temporal.ts";

const start = () => ({
  taskQueue: QUEUES.orchestrator,
  workflowId: randomUUID(),
  args: [{ importId: "i" }] as [{ importId: string }],
});

test("an import goes on to its end and drops its lines; one that cannot says why and keeps them", async () => {
  const { activities, happened } = fakeImports([500, 1000, 500, "lost"]);

  await withWorkers(Object.values(QUEUES), activities, async ({ client }) => {
    await client.workflow.execute(cardImport, start());
    await expect(client.workflow.execute(cardImport, start())).rejects.toThrow(
      "Workflow execution failed",
    );
  });

  expect(happened).toEqual(["dropped", "There is no such import."]);
});
