import type { Client } from "@temporalio/client";
import { type NativeConnection, Runtime, DefaultLogger, Worker } from "@temporalio/worker";
import { QUEUES } from "../../domain/queues.ts";
import { sayAlive } from "../../workers/interceptors/activity.ts";

/** Where workers run: a namespace of a server, and the bundle of the workflows. */
export interface Stage {
  client: Client;
  connection: NativeConnection;
  namespace: string;
  codePath: string;
}

/** Activities by their names: fakes. */
export type FakeActivities = object;

/** How long a fake activity that nobody waits for may hold up the end. */
const FORCE_SHUTDOWN = "5 seconds";

/**
 * Serves the queues while `body` runs, as the product does: workflows on the orchestrator's queue alone,
 * activities on the others.
 */
export async function runWorkers<T>(
  { connection, namespace, codePath }: Stage,
  queues: readonly string[],
  activities: FakeActivities,
  body: () => Promise<T>,
): Promise<T> {
  const workers = await Promise.all(
    queues.map((taskQueue) =>
      Worker.create({
        connection,
        namespace,
        taskQueue,
        identity: "tests",
        shutdownForceTime: FORCE_SHUTDOWN,
        interceptors: { activity: [sayAlive] },
        ...(taskQueue === QUEUES.orchestrator
          ? {
              workflowBundle: { codePath },
              stickyQueueScheduleToStartTimeout: "2 seconds",
              activities,
              enableNonLocalActivities: false,
            }
          : { activities }),
      }),
    ),
  );
  const running = Promise.all(workers.map((worker) => worker.run()));
  const died = running.then(() => Promise.reject(new Error("the workers ended by themselves")));
  try {
    return await Promise.race([body(), died]);
  } finally {
    for (const worker of workers) if (worker.getState() === "RUNNING") worker.shutdown();
    await running;
  }
}

/** Each worker serves one kind of task, and the server that skips time is not quite a server. */
const EXPECTED = /^No (activities|workflows) registered|^Temporal Server 1\.16\.0 or newer/;

/** Keeps the SDK to warnings that say something; a process that uses it calls this once, first. */
export function quietRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger("WARN", ({ level, message, meta }) => {
      if (!EXPECTED.test(message)) console.warn(level, message, meta);
    }),
    telemetryOptions: { logging: { forward: {}, filter: { core: "WARN", other: "WARN" } } },
    shutdownSignals: [],
  });
}
