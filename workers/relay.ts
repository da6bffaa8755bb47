import { setTimeout as sleep } from "node:timers/promises";
import { WithStartWorkflowOperation, type Client } from "@temporalio/client";
import type { Logger } from "pino";
import { QUEUES } from "../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../domain/search-attributes.ts";
import type { Database } from "../models/database.ts";
import {
  claimOutbox,
  finishOutbox,
  retryOutbox,
  type OutboxMessage,
} from "../models/operations.ts";
import type { Bus } from "../platform/bus.ts";
import { onBehalfOf } from "../platform/temporal.ts";

/** Without a word over the bus, committed work waits at most this long. */
const POLL_MS = 1_000;
const BATCH = 50;
const LEASE_SECONDS = 30;
const LONGEST_RETRY_SECONDS = 60;

interface RelayTools {
  database: Database;
  temporal: Client;
  bus: Bus;
  log: Logger;
}

/**
 * Delivers what transactions left in the outbox: starts the workflow, or meets the running one, and tells it the
 * command. Twice is harmless: the command's id is the same. Runs until the returned function is called.
 */
export function startRelay(tools: RelayTools): () => Promise<void> {
  const stopping = new AbortController();
  let wake = new AbortController();
  const unsubscribe = tools.bus.subscribe(({ type }) => {
    if (type === "outbox.filled") wake.abort();
  });

  const run = async () => {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      const delivered = await deliverDue(tools).catch((error: unknown) => {
        tools.log.warn({ err: error }, "outbox cannot be read");
        return 0;
      });
      if (delivered === BATCH) continue;
      const signal = AbortSignal.any([wake.signal, stopping.signal]);
      await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    }
  };
  const running = run();
  return async () => {
    unsubscribe();
    stopping.abort();
    await running;
  };
}

async function deliverDue({ database, temporal, log }: RelayTools): Promise<number> {
  const { token, entries } = await claimOutbox(database, {
    limit: BATCH,
    leaseSeconds: LEASE_SECONDS,
  });
  for (const entry of entries) {
    try {
      await deliver(temporal, entry);
      await finishOutbox(database, entry.id, token);
    } catch (error) {
      const seconds = Math.min(2 ** entry.attempts, LONGEST_RETRY_SECONDS);
      log.warn(
        { err: error, workflowId: entry.workflowId, seconds },
        "command is not delivered yet",
      );
      const reason = error instanceof Error ? error.message : "unknown";
      await retryOutbox(database, entry.id, token, reason, seconds);
    }
  }
  return entries.length;
}

async function deliver(temporal: Client, message: OutboxMessage): Promise<void> {
  const { workflow, workflowId, input, command, summary, kind, subject, headers } = message;
  const start = {
    workflowId,
    taskQueue: QUEUES.orchestrator,
    args: [input],
    workflowIdConflictPolicy: "USE_EXISTING" as const,
    staticSummary: summary,
    staticDetails: `**${summary}**\n\nPublic id: ${subject}`,
    typedSearchAttributes: [
      { key: SEARCH_ATTRIBUTES.kind, value: kind },
      { key: SEARCH_ATTRIBUTES.subject, value: subject },
    ],
  };
  const caller = { actor: headers.actorName ?? "longhaul", requestId: headers.requestId ?? "" };
  await onBehalfOf(caller, async () => {
    if (!command) return void (await temporal.workflow.start(workflow, start));
    await temporal.workflow.startUpdateWithStart(command.update, {
      args: [command.argument],
      updateId: command.id,
      waitForStage: "ACCEPTED",
      startWorkflowOperation: new WithStartWorkflowOperation(workflow, start),
    });
  });
}
