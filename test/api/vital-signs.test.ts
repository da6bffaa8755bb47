import { readFile } from "node:fs/promises";
import type { Client } from "@temporalio/client";
import { pino } from "pino";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { countRequests } from "../../api/middleware/count-requests.ts";
import { openGuessGuard } from "../../api/guess-guard.ts";
import { showVitalSigns } from "../../api/vital-signs.ts";
import { noteDisk } from "../../models/disks/index.ts";
import { OutboxEntry, reportWorker } from "../../models/operations.ts";
import { newId, sha256 } from "../../platform/crypto.ts";
import { openLocalBus } from "../../platform/bus.ts";
import { openLimiter } from "../../platform/limiter.ts";
import { openTestDatabase } from "../support/database.ts";
import { makeDownload } from "../support/downloads.ts";
import { makeProxy } from "../support/proxies.ts";

const quiet = pino({ level: "silent" });

/** What `/metrics` shows where this many workflows wait for a person. */
async function show(parked: () => number) {
  const metrics = new Registry();
  const temporal = {
    workflow: { count: async () => ({ count: parked() }) },
    withDeadline: (_: number, body: () => unknown) => body(),
  } as unknown as Client;
  const checks = { database: { ok: true }, workers: { ok: false } };
  const readiness = async () => ({ ready: false, checks, warnings: [] });
  showVitalSigns({ metrics, temporal, log: quiet, readiness });
  return { metrics, text: await metrics.metrics() };
}

test("operators see what stands still, what is full, and what waits for them", async () => {
  const database = await openTestDatabase();
  await reportWorker(database, { id: "w", queues: ["io"], buildsApks: false, warnings: [] });
  const disk = { id: sha256("disk"), name: "machine", capacityBytes: 100, usedBytes: 86 };
  await noteDisk(database, disk);
  await makeDownload({ state: "working", waitingFor: "disk" });
  await makeDownload({ state: "kept" });
  await makeProxy(database, { status: "inactive" });
  await OutboxEntry.create({
    id: newId(),
    workflow: "w",
    workflowId: "w",
    input: {},
    command: null,
    summary: "",
    kind: "sweep",
    subject: "",
    headers: {},
    dueAt: new Date(Date.now() - 90_000),
  });

  const { text } = await show(() => 3);

  const lines = text.split("\n").filter((line) => line.startsWith("longhaul_"));
  expect(lines).toEqual(
    expect.arrayContaining([
      'longhaul_ready{check="database"} 1',
      'longhaul_ready{check="workers"} 0',
      'longhaul_queue_workers{queue="io"} 1',
      'longhaul_queue_workers{queue="download"} 0',
      'longhaul_operator_waits{workflow="all"} 3',
      'longhaul_operator_waits{workflow="ledgerReconciliation"} 3',
      'longhaul_disk_used_bytes{disk="machine"} 86',
      'longhaul_disk_capacity_bytes{disk="machine"} 100',
      'longhaul_downloads_under_way{waiting_for="disk"} 1',
      'longhaul_proxies{which="known"} 1',
      'longhaul_proxies{which="usable"} 0',
    ]),
  );
  const delay = lines.find((line) => line.startsWith("longhaul_outbox_delay_seconds "))!;
  expect(Number(delay.split(" ")[1])).toBeGreaterThanOrEqual(90);
});

test("what cannot be looked at is left out, and the rest is shown", async () => {
  await openTestDatabase();

  const { text } = await show(() => {
    throw new Error("Temporal is away");
  });

  expect(text).toContain('longhaul_ready{check="database"} 1');
  expect(text).not.toMatch(/^longhaul_operator_waits\{/m);
});

test("every metric that an alarm looks at is there, and every runbook", async () => {
  await openTestDatabase();
  const { metrics } = await show(() => 0);
  countRequests(metrics);
  const bus = openLocalBus({ on: () => undefined, off: () => undefined });
  const rate = { points: 1, seconds: 1 };
  openGuessGuard({ bus, log: quiet, limiter: openLimiter(), metrics, rate });
  const known = new Set(metrics.getMetricsAsArray().map(({ name }) => name));

  const rules = parse(await readFile("docs/operations/alarms.yml", "utf8")) as Rules;
  const alarms = rules.groups.flatMap((group) => group.rules);
  const named = alarms.flatMap(({ expr }) => expr.match(/longhaul_\w+/g)!);
  const unknown = named.filter((name) => !known.has(name.replace(/_(count|sum|bucket)$/, "")));

  expect(alarms.length).toBeGreaterThan(10);
  expect(unknown).toEqual([]);
  const said = await readFile("docs/operations/alarms.md", "utf8");
  for (const { alert, annotations } of alarms) {
    expect(await readFile(annotations.runbook, "utf8")).toMatch(/^# /);
    const family = alert.startsWith("LonghaulDisk") ? "LonghaulDisk…" : alert;
    expect(said).toContain(`\`${family}\``);
  }
});

interface Rules {
  groups: {
    rules: { alert: string; expr: string; annotations: { summary: string; runbook: string } }[];
  }[];
}
