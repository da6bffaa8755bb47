import { randomBytes } from "node:crypto";
import { Client, Connection } from "@temporalio/client";
import { TestWorkflowEnvironment } from "@temporalio/testing";
import { NativeConnection } from "@temporalio/worker";
import { inject } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { ensureNamespace } from "../../platform/namespaces.ts";
import { addSearchAttributes } from "./search-attributes.ts";
import type { TestServices } from "./services/context.ts";
import { type FakeActivities, runWorkers, type Stage } from "./workers.ts";

/** What a test of a workflow works with. */
export interface Bench {
  client: Client;
}

/** A bench whose hours pass in no time while somebody waits for a result. One workflow at a time. */
export interface TimeSkippingBench extends Bench {
  /** Lets time pass. */
  sleep: TestWorkflowEnvironment["sleep"];
  /** The server's time, in epoch milliseconds. */
  now: TestWorkflowEnvironment["currentTimeMs"];
}

/**
 * Runs `body` beside workers on a real Temporal server, with these activities in place of the product's. The
 * namespace is the call's own: what it leaves running disturbs nobody.
 */
export async function withWorkers<T>(
  queues: readonly string[],
  activities: FakeActivities,
  body: (bench: Bench) => Promise<T>,
  { workflowBundle = given("workflowBundle") } = {},
): Promise<T> {
  const { address, namespace: run } = given("temporal");
  const namespace = `${run}-${randomBytes(4).toString("hex")}`;
  const [clientConnection, connection] = await Promise.all([
    Connection.connect({ address }),
    NativeConnection.connect({ address }),
  ]);
  try {
    await ensureNamespace(clientConnection, { namespace, retentionDays: 1 });
    const client = new Client({ connection: clientConnection, namespace });
    const stage: Stage = { client, connection, namespace, ...workflowBundle };
    return await runWorkers(stage, queues, activities, () => body({ client }));
  } finally {
    await Promise.all([clientConnection.close(), connection.close()]);
  }
}

/** Runs `body` beside workers on a server of its own that skips the time in which nothing happens. */
export async function withTimeSkipping<T>(
  activities: FakeActivities,
  body: (bench: TimeSkippingBench) => Promise<T>,
  { workflowBundle = given("workflowBundle") } = {},
): Promise<T> {
  const { path } = given("timeSkipping");
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: "existing-path", path } },
  });
  try {
    const { client, nativeConnection: connection, sleep } = environment;
    const { namespace } = client.options;
    await addSearchAttributes(environment.connection, namespace);
    const stage: Stage = { client, connection, namespace, ...workflowBundle };
    return await runWorkers(stage, Object.values(QUEUES), activities, () =>
      body({ client, sleep, now: () => environment.currentTimeMs() }),
    );
  } finally {
    await environment.teardown();
  }
}

/** What the run has provided; a test that needs it fails without it. */
function given<K extends keyof TestServices>(name: K): TestServices[K] {
  const service = inject(name);
  if (!service) throw new Error(`This tier of tests is run without ${name}: see vitest.config.ts.`);
  return service as TestServices[K];
}
