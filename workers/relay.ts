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
  type OutboxEntry,
  type OutboxMessage,
} from "../models/operations.ts";
import type { Bus } from "../platform/bus.ts";
import type { Fault } from "../platform/faults.ts";
import { onBehalfOf } from "../platform/temporal.ts";

/** Without a word over the bus, committed work waits at most this long. */
const POLL_MS = 1_000;
/** So many messages are on their way at once: a workflow that does not answer holds up no other. */
const MOST_UNDER_WAY = 50;
const LEASE_SECONDS = 15;
/** Well within the lease, so that no other relay takes what is still on its way. */
const PATIENCE_MS = 10_000;
const LONGEST_RETRY_SECONDS = 60;

interface RelayTools {
  database: Database;
  temporal: Client;
  bus: Bus;
  log: Logger;
  fault: Fault;
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

  const underWay = new Set<Promise<void>>();

  const takeDue = async () => {
    const limit = MOST_UNDER_WAY - underWay.size;
    if (limit === 0) return;
    const due = await claimOutbox(tools.database, { limit, leaseSeconds: LEASE_SECONDS });
    for (const entry of due.entries) {
      const delivery = deliverOnce(tools, entry, due.token, stopping.signal).finally(() =>
        underWay.delete(delivery),
      );
      underWay.add(delivery);
    }
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      await takeDue().catch((error: unknown) =>
        tools.log.warn({ err: error }, "outbox cannot be read"),
      );
      const signal = AbortSignal.any([wake.signal, stopping.signal]);
      await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    }
  };
  const running = run();
  return async () => {
    unsubscribe();
    stopping.abort();
    await running;
    await Promise.all(underWay);
  };
}

/** Delivers a message, or gives it back to be tried again. Never fails: what cannot be written down ends with its lease. */
async function deliverOnce(
  { database, temporal, log, fault }: RelayTools,
  entry: OutboxEntry,
  token: string,
  stop: AbortSignal,
): Promise<void> {
  const { id, attempts, workflowId } = entry;
  try {
    fault("outbox/taken");
    await temporal.withAbortSignal(stop, () =>
      temporal.withDeadline(Date.now() + PATIENCE_MS, () => deliver(temporal, entry)),
    );
    fault("outbox/delivered");
    await finishOutbox(database, id, token);
    fault("outbox/recorded");
  } catch (error) {
    const seconds = Math.min(2 ** attempts, LONGEST_RETRY_SECONDS);
    log.warn({ err: error, workflowId, seconds }, "command is not delivered yet");
    const reason = error instanceof Error ? error.message : "unknown";
    await retryOutbox(database, id, token, reason, seconds).catch(() => false);
  }
}

async function deliver(temporal: Client, message: OutboxMessage): Promise<void> {
  const { workflow, workflowId, input, command, startAt, summary, kind, subject } = message;
  const delayMs = startAt ? startAt.getTime() - Date.now() : 0;
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
  const { headers } = message;
  const caller = { actor: headers.actorName ?? "longhaul", requestId: headers.requestId ?? "" };
  await onBehalfOf(caller, async () => {
    if (!command) {
      const later = delayMs > 0 ? { startDelay: delayMs } : {};
      return void (await temporal.workflow.start(workflow, { ...start, ...later }));
    }
    await temporal.workflow.startUpdateWithStart(command.update, {
      args: [command.argument],
      updateId: command.id,
      waitForStage: "ACCEPTED",
      startWorkflowOperation: new WithStartWorkflowOperation(workflow, start),
    });
  });
}
