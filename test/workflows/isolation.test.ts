import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";
import { expect, onTestFinished, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { withWorkers } from "../support/temporal.ts";
import { counting } from "../support/workflows/counting.ts";

test("two runs of a workflow share no variable, even of the same worker", async () => {
  const workflowBundle = await bundle("../support/workflows/counting.ts");

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

async function bundle(module: string): Promise<{ codePath: string }> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL(module, import.meta.url)),
    logger: new DefaultLogger("WARN"),
  });
  const folder = await mkdtemp(join(tmpdir(), "longhaul-bundle-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const codePath = join(folder, "bundle.js");
  await writeFile(codePath, code);
  return { codePath };
}
