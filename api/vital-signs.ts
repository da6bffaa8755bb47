import type { Client } from "@temporalio/client";
import type { Logger } from "pino";
import { Gauge, type Registry } from "prom-client";
import { QUEUES } from "../domain/queues.ts";
import { knownDisks } from "../models/disks/index.ts";
import { countUnderWay } from "../models/downloads/index.ts";
import { outboxDelay, recentWorkers } from "../models/operations.ts";
import { countPool, countSelectable, readPolicy } from "../models/proxies/index.ts";
import type { Readiness } from "./services.ts";

/** What is looked at for them. */
interface Parts {
  metrics: Registry;
  temporal: Client;
  log: Logger;
  readiness: () => Promise<Readiness>;
}

/** Values of a metric, by their labels. */
type Values = readonly { labels: Record<string, string>; value: number }[];

/** What operators are woken by (docs/operations/alarms.yml): how the platform is as a whole, whichever process is asked. */
interface VitalSign {
  name: `longhaul_${string}`;
  help: string;
  labelNames: readonly string[];
  look: () => Promise<Values>;
}

/** So long an answer is good: several servers may ask at once. */
const REUSED_MS = 5_000;
const PATIENCE_MS = 3_000;

/** Adds them to what `/metrics` shows. What cannot be looked at now is left out: `longhaul_ready` says what is away. */
export function showVitalSigns(parts: Parts): void {
  for (const { name, help, labelNames, look } of vitalSigns(parts)) {
    const lookOnce = reused(look);
    parts.metrics.registerMetric(
      new Gauge({
        name,
        help,
        labelNames: [...labelNames],
        registers: [],
        async collect() {
          const values = await lookOnce().catch((error: unknown) => {
            parts.log.debug({ err: error, metric: name }, "a vital sign could not be taken");
            return [];
          });
          this.reset();
          for (const { labels, value } of values) this.set(labels, value);
        },
      }),
    );
  }
}

function reused(look: () => Promise<Values>): () => Promise<Values> {
  let seen: { at: number; values: Promise<Values> } | undefined;
  return () => {
    if (!seen || performance.now() - seen.at > REUSED_MS) {
      seen = { at: performance.now(), values: look() };
    }
    return seen.values;
  };
}

function vitalSigns(parts: Parts): VitalSign[] {
  return [...ofWork(parts), ...ofDisks(), ...ofDownloads()];
}

function ofWork({ temporal, readiness }: Parts): VitalSign[] {
  return [
    {
      name: "longhaul_ready",
      help: "1 for each part of /ready that is as it should be",
      labelNames: ["check"],
      look: async () =>
        Object.entries((await readiness()).checks).map(([check, { ok }]) => ({
          labels: { check },
          value: Number(ok),
        })),
    },
    {
      name: "longhaul_queue_workers",
      help: "Workers that serve a queue",
      labelNames: ["queue"],
      look: countWorkers,
    },
    {
      name: "longhaul_operator_waits",
      help: "Workflows that wait for a person, by their type; all together as type all",
      labelNames: ["workflow"],
      look: () => countParked(temporal),
    },
    {
      name: "longhaul_outbox_delay_seconds",
      help: "How long the oldest message that is due has been waiting for a relay",
      labelNames: [],
      look: async () => [{ labels: {}, value: await outboxDelay() }],
    },
  ];
}

function ofDisks(): VitalSign[] {
  const disks = async (bytes: "capacityBytes" | "usedBytes" | "leasedBytes") =>
    (await knownDisks()).map((disk) => ({ labels: { disk: disk.name }, value: disk[bytes] }));
  return [
    {
      name: "longhaul_disk_capacity_bytes",
      help: "What a disk of a worker's holds",
      labelNames: ["disk"],
      look: () => disks("capacityBytes"),
    },
    {
      name: "longhaul_disk_used_bytes",
      help: "What is used of it",
      labelNames: ["disk"],
      look: () => disks("usedBytes"),
    },
    {
      name: "longhaul_disk_leased_bytes",
      help: "What downloads have leased of it",
      labelNames: ["disk"],
      look: () => disks("leasedBytes"),
    },
  ];
}

function ofDownloads(): VitalSign[] {
  return [
    {
      name: "longhaul_downloads_under_way",
      help: "Downloads that are not over, by what they wait for",
      labelNames: ["waiting_for"],
      look: async () =>
        (await countUnderWay()).map(({ waitingFor, count }) => ({
          labels: { waiting_for: waitingFor ?? "nothing" },
          value: count,
        })),
    },
    {
      name: "longhaul_proxies",
      help: "Proxies of the pool: all that are known, and those that may be used now",
      labelNames: ["which"],
      look: async () => [
        { labels: { which: "known" }, value: await countPool() },
        { labels: { which: "usable" }, value: await countSelectable() },
      ],
    },
    {
      name: "longhaul_proxy_source_failures",
      help: "How often in a row the provider's API gave no proxy",
      labelNames: [],
      look: async () => [{ labels: {}, value: (await readPolicy()).failures }],
    },
  ];
}

async function countWorkers(): Promise<Values> {
  const workers = await recentWorkers();
  return Object.values(QUEUES).map((queue) => ({
    labels: { queue },
    value: workers.filter(({ queues }) => queues.includes(queue)).length,
  }));
}

/** The type whose waiting means that money does not add up. */
const RECONCILIATION = "ledgerReconciliation";

async function countParked(temporal: Client): Promise<Values> {
  const parked = 'NeedsOperator = true AND ExecutionStatus = "Running"';
  const ask = async (query: string) => (await temporal.workflow.count(query)).count;
  const counted = await temporal.withDeadline(Date.now() + PATIENCE_MS, () =>
    Promise.all([ask(parked), ask(`${parked} AND WorkflowType = "${RECONCILIATION}"`)]),
  );
  return ["all", RECONCILIATION].map((workflow, at) => ({
    labels: { workflow },
    value: counted[at]!,
  }));
}
