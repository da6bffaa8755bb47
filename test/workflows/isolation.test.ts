import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { withWorkers } from "../support/temporal.ts";
import { bundleOf } from "../support/workflows/bundle.ts";
import { counting } from "../support/workflows/counting.ts";

test("two runs of a workflow share no variable, even of the same worker", async () => {
  const workflowBundle = await bundleOf("counting.ts");

  const counts = await withWorkers(
    [QUEUES.orchestrator],
    {},
    ({ client }) => {
      const taskQueue = QUEUES.orchestrator;
      const execute = () =>
        client.workflow.execute(counting, { taskQueue, workflowId: randomUUID() });
      return Promise.all([execute(), execute(), execute()]);
    },
    { workflowBundle },
  );

  expect(counts).toEqual([1, 1, 1]);
});
