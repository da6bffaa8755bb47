import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { RunOrder } from "../../../activities/packages/contract.ts";
import { OUTWARD_EVENTS, type OutwardEventName } from "../../../domain/webhooks.ts";
import { inTransaction } from "../../../models/database.ts";
import { FeedFrame } from "../../../models/feeds/index.ts";
import {
  acceptRollback,
  noteLog,
  Package,
  PackageRun,
  PackageVersion,
  readLog,
} from "../../../models/packages/index.ts";
import { WebhookDelivery } from "../../../models/webhooks/index.ts";
import { accept, build, openBench } from "../../support/package-bench.ts";
import { makeWebhook } from "../../support/webhooks.ts";

/** A bench with a webhook that listens to everything. */
async function openListeningBench() {
  const bench = await openBench();
  const all = Object.keys(OUTWARD_EVENTS) as OutwardEventName[];
  const events = all.filter((name) => name.startsWith("package."));
  await makeWebhook(bench.database, { events });
  return bench;
}

type Bench = Awaited<ReturnType<typeof openListeningBench>>;

async function told(): Promise<{ type: string; data: Record<string, unknown> }[]> {
  const deliveries = await WebhookDelivery.findAll({ order: [["id", "ASC"]] });
  return deliveries.map(({ body }) => JSON.parse(body) as Awaited<ReturnType<typeof told>>[0]);
}

async function publish({ perform }: Bench, order: RunOrder): Promise<void> {
  const plan = (await perform("openPublication", order))!;
  for (const step of ["switchLink", "recordLive", "recordLive"] as const) {
    await perform(step, { ...order, plan });
  }
}

test("a version is told of when it is accepted and when it is live, by public ids alone, each once", async () => {
  const bench = await openListeningBench();
  const accepted = await accept(bench);
  await build(bench, accepted);

  await publish(bench, accepted.order);

  const data = {
    package: "1001",
    version: "1.0.0",
    run: accepted.runId,
    kind: "upload",
    number: 1,
  };
  const events = await told();
  expect(events).toEqual([
    { type: "package.version_accepted", timestamp: expect.any(String), data },
    {
      type: "package.run_ended",
      timestamp: expect.any(String),
      data: { ...data, status: "succeeded" },
    },
    { type: "package.published", timestamp: expect.any(String), data },
  ]);
  expect(JSON.stringify(events)).not.toContain(accepted.packageId);
  expect(JSON.stringify(events)).not.toContain(accepted.versionId);
});

test("a rollback is told of as such when the earlier version is live again", async () => {
  const bench = await openListeningBench();
  const accepted = await accept(bench);
  await build(bench, accepted);
  await publish(bench, accepted.order);
  const owner = await Package.findByPk(accepted.packageId, { rejectOnEmpty: true });
  const version = await PackageVersion.findByPk(accepted.versionId, { rejectOnEmpty: true });
  const runId = randomUUID();
  const before = (await told()).length;

  await acceptRollback(bench.database, owner, { runId, version }, accepted.asker);
  await publish(bench, { ...accepted.order, runId, kind: "rollback", number: 2 });

  expect((await told()).slice(before)).toMatchObject([
    { type: "package.run_ended", data: { run: runId, status: "succeeded" } },
    { type: "package.rolled_back", data: { run: runId, kind: "rollback", number: 2 } },
  ]);
});

test("a run that waits for a person, and how it ended, are told of once", async () => {
  const bench = await openListeningBench();
  const { order, packageId, runId } = await accept(bench);
  await bench.perform("beginBuild", order);
  const ids = { packageId, runId };
  const parked = { ...ids, workflowId: "w", step: "harden", reason: "broken" } as const;

  await bench.perform("parkRun", parked);
  await bench.perform("parkRun", parked);
  await bench.perform("endRun", { ...ids, state: "cancelled", reason: "aborted" });
  await bench.perform("endRun", { ...ids, state: "failed", reason: "late" });

  expect((await told()).slice(1)).toMatchObject([
    { type: "package.run_parked", data: { run: runId } },
    { type: "package.run_ended", data: { run: runId, status: "cancelled" } },
  ]);
});

test("whoever orders a run hears the lines of its log as they come, of many at once the last", async () => {
  const bench = await openListeningBench();
  const accepted = await accept(bench);
  await build(bench, accepted);
  const run = await PackageRun.findByPk(accepted.runId, { rejectOnEmpty: true });
  const many = Array.from({ length: 50 }, (_, index) => `line ${index}\n\n`).join("");
  await inTransaction(bench.database, (transaction) => noteLog(run, many, transaction));

  const where = { accountId: run.requestedById, taskId: run.id, event: "task:log" };
  const frames = await FeedFrame.findAll({ where, order: ["seq"] });
  const lines = frames.map(({ body }) => (JSON.parse(body) as { message: string }).message);
  const log = (await readLog(accepted.runId, 0, 100)).flatMap(({ text }) => text.split("\n"));
  expect(log.length).toBeGreaterThan(3);
  expect(lines.slice(0, -21)).toEqual(log.filter(Boolean).map((line) => line.replace(/^--- /, "")));
  expect(lines.slice(-21)).toEqual([
    "(30 lines are in the run's log alone)",
    ...Array.from({ length: 20 }, (_, index) => `line ${index + 30}`),
  ]);
});
