import { pino } from "pino";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { inTransaction } from "../../models/database.ts";
import { enqueue, OutboxEntry, type OutboxMessage } from "../../models/operations.ts";
import { newId } from "../../platform/crypto.ts";
import { startRelay } from "../../workers/relay.ts";
import { openTestDatabase } from "../support/database.ts";
import { fakePackages, orderOf } from "../support/fakes/package-activities.ts";
import { withWorkers } from "../support/temporal.ts";
import { until } from "../support/until.ts";

const message = (runId: string, workflow: string): OutboxMessage => ({
  id: newId(),
  workflow,
  workflowId: `package/${runId}`,
  input: { packageId: "p", serial: "1001" },
  command: { update: "replacePackage", id: runId, argument: orderOf(runId, 1) },
  summary: "Package",
  kind: "package",
  subject: "1001",
  headers: {},
});

test("a package whose workflow does not answer holds up no other, and is tried again", async () => {
  const database = await openTestDatabase();
  const { activities, happened } = fakePackages();
  await inTransaction(database, async (transaction) => {
    await enqueue(message("stuck", "noSuchWorkflow"), transaction);
    await enqueue(message("well", "packageLine"), transaction);
  });

  await withWorkers(Object.values(QUEUES), activities, async ({ client: temporal }) => {
    const bus = {
      subscribe: () => () => undefined,
      announce: async () => undefined,
      close: async () => undefined,
    };
    const stop = startRelay({
      database,
      temporal,
      bus,
      log: pino({ level: "silent" }),
      fault: () => undefined,
    });
    await until(() => happened.includes("keepLog:well"));
    await stop();
  });

  expect(await OutboxEntry.findAll()).toMatchObject([
    { workflow: "noSuchWorkflow", attempts: 1, claimedBy: null },
  ]);
});
