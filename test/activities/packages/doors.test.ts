import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { randomUUID } from "node:crypto";
import { MockActivityEnvironment } from "@temporalio/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { packageKeys } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import { AuditEntry } from "../../../models/operations.ts";
import {
  acceptPublication,
  acceptRollback,
  acceptYank,
  Package,
  PackageRun,
  PackageVersion,
} from "../../../models/packages/index.ts";
import { openEdge } from "../../../platform/edge/index.ts";
import { fault, startCloudflare } from "../../support/stand-ins/cloudflare.ts";
import { accept, build, failureOf, logOf, openBench } from "../../support/package-bench.ts";

const HOUR_MS = 3_600_000;

/** A built version that was yanked, with the run that tells the edges of it. */
async function yank(bench: Awaited<ReturnType<typeof openBench>>) {
  const accepted = await accept(bench);
  await build(bench, accepted);
  const { packageId, versionId, asker } = accepted;
  const owner = await Package.findByPk(packageId, { rejectOnEmpty: true });
  const version = await PackageVersion.findByPk(versionId, { rejectOnEmpty: true });
  const [runId, fallbackRunId] = [randomUUID(), randomUUID()];
  const given = { runId, fallbackRunId, version, reason: "bad", fallback: false };
  await acceptYank(bench.database, owner, given, asker);
  return { packageId, versionId, runId };
}

describe("purging doors", () => {
  test("names a withdrawn version's own address and all of its channel's link, and is its run's work", async () => {
    const urls: string[] = [];
    const edge = createServer((req, res) => {
      void text(req).then((body) => {
        urls.push(...(JSON.parse(body) as { urls: string[] }).urls);
        return res.end();
      });
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => edge.once("listening", resolve));
    onTestFinished(() => void edge.close());
    const url = `http://127.0.0.1:${(edge.address() as AddressInfo).port}`;
    const settings = { publicUrl: "https://dl.example" };
    const bench = await openBench(() => ({}), settings, openEdge({ kind: "hook", url }));
    const { packageId, versionId, runId } = await yank(bench);

    await bench.perform("purgeDoors", { packageId, versionId, runId });
    await bench.perform("endRun", { packageId, runId, state: "succeeded", reason: "told" });

    expect(urls).toEqual([
      "https://dl.example/dist/1001/release.zip",
      "https://dl.example/dist/1001/stable.zip",
      "https://dl.example/dist/1001/v/1.0.0/app.zip",
    ]);
    expect(await PackageRun.findByPk(runId)).toMatchObject({ kind: "yank", state: "succeeded" });
  });

  test("says in row and log why edges were not told yet, and ends when they were", async () => {
    const cloudflare = await startCloudflare();
    const settings = { publicUrl: cloudflare.url };
    const bench = await openBench(() => ({}), settings, openEdge(cloudflare.settings));
    const { packageId, versionId, runId } = await yank(bench);
    cloudflare.instead(1, fault(403, 10000, "Authentication error"));

    await failureOf(bench.perform("purgeDoors", { packageId, versionId, runId }));
    const held = await PackageRun.findByPk(runId);
    await bench.perform("purgeDoors", { packageId, versionId, runId });
    await bench.perform("endRun", { packageId, runId, state: "succeeded", reason: "told" });

    const reason = /^Edges may still show it: Cloudflare refuses CLOUDFLARE_API_TOKEN/;
    expect(held).toMatchObject({ state: "running", reason: expect.stringMatching(reason) });
    expect(cloudflare.purges).toHaveLength(1);
    expect(await PackageRun.findByPk(runId)).toMatchObject({ state: "succeeded", reason: "told" });
    const log = (await bench.objects.open(packageKeys.log(packageId, runId)))!;
    expect(await text(await log.read())).toMatch(/--- purge, try 1\nEdges may still show it/);
    await log.close();
  });
});

describe("purging doors of which no run tells", () => {
  test("says in the audit, once, that edges were not told, and once that they were", async () => {
    const cloudflare = await startCloudflare();
    const settings = { publicUrl: cloudflare.url };
    const bench = await openBench(() => ({}), settings, openEdge(cloudflare.settings));
    const accepted = await accept(bench);
    await build(bench, accepted);
    const { packageId } = accepted;
    cloudflare.instead(4, fault(403, 10000, "Authentication error"));

    const purge = (attempt: number) =>
      new MockActivityEnvironment({ attempt }).run(() =>
        bench.activities.purgeDoors({ packageId }),
      );
    for (let attempt = 1; attempt <= 4; attempt++) await failureOf(purge(attempt));
    await purge(5);

    const reason = /^Edges may still show it: Cloudflare refuses CLOUDFLARE_API_TOKEN/;
    const told = await AuditEntry.findAll({
      where: { actorName: "longhaul" },
      order: ["sequence"],
    });
    expect(told).toMatchObject([
      {
        action: "packages.purge-delayed",
        subjectId: "1001",
        after: { addresses: 3, reason: expect.stringMatching(reason) },
      },
      { action: "packages.purge-done", subjectId: "1001", after: { addresses: 3 } },
    ]);
    expect(cloudflare.purges).toHaveLength(1);
  });
});

describe("removing a package", () => {
  test("leaves no object, no row and a free name, but its audit; begun again it ends the same", async () => {
    const bench = await openBench();
    const [gone, other] = [await accept(bench), await accept(bench, "2.0.0")];
    await build(bench, gone);
    const audited = await AuditEntry.count();
    const { packageId } = gone;

    for (let times = 0; times < 2; times++) {
      await bench.perform("removePackageObjects", { packageId });
      await bench.perform("forgetPackage", { packageId });
    }

    const keys: string[] = [];
    for await (const { key } of bench.objects.list("")) keys.push(key);
    expect(keys).toEqual([packageKeys.original(other.packageId, other.versionId)]);
    expect(await Package.findAll()).toMatchObject([{ id: other.packageId }]);
    expect(await PackageRun.count()).toBe(1);
    expect(await AuditEntry.count()).toBe(audited);
    expect(await bench.perform("beginBuild", gone.order)).toMatchObject({ open: false });
    expect(await bench.perform("openPublication", gone.order)).toBeNull();
  });
});

describe("the turn of a timed publication", () => {
  /** A draft whose time came an hour ago, while nothing was there to publish it. */
  async function overdue() {
    const bench = await openBench();
    const accepted = await accept(bench);
    await build(bench, accepted);
    const { packageId, versionId, asker } = accepted;
    const owner = await Package.findByPk(packageId, { rejectOnEmpty: true });
    const version = await PackageVersion.findByPk(versionId, { rejectOnEmpty: true });
    const runId = randomUUID();
    const past = new Date(Date.now() - HOUR_MS);
    await inTransaction(bench.database, async (transaction) => {
      await version.update({ isDraft: true }, { transaction });
      await PackageRun.update({ createdAt: past }, { where: {}, transaction, silent: true });
    });
    const at = new Date(Date.now() - HOUR_MS / 2);
    await acceptPublication(bench.database, owner, { runId, version, at }, asker);
    const take = () => bench.perform("takePublicationTurn", { packageId, runId });
    return { bench, owner, version, runId, take, asker };
  }

  test("is a number above all that was submitted before, and the same when asked again", async () => {
    const { take, version } = await overdue();

    expect(await take()).toEqual({ number: 2 });
    expect(await take()).toEqual({ number: 2 });
    await version.reload();
    expect(version).toMatchObject({ isDraft: false, publishAt: null });
  });

  test("is lost to what was submitted after its time, while it could not be kept", async () => {
    const { bench, owner, version, take, asker } = await overdue();
    const later = { runId: randomUUID(), version };
    await acceptRollback(bench.database, owner, later, asker);

    expect(await take()).toEqual({ number: 0, end: "superseded" });
  });

  test("is not lost to what was held, which came to no link", async () => {
    const { bench, owner, version, take, asker } = await overdue();
    const later = { runId: randomUUID(), version };
    await acceptRollback(bench.database, owner, later, asker);
    await PackageRun.update({ state: "quarantined" }, { where: { id: later.runId } });

    expect(await take()).toEqual({ number: 3 });
  });

  test("is void when the draft was put off, published or yanked meanwhile", async () => {
    const { bench, owner, version, take, asker } = await overdue();
    const again = { runId: randomUUID(), version, at: new Date(Date.now() + HOUR_MS) };
    await acceptPublication(bench.database, owner, again, asker);

    expect(await take()).toEqual({ number: 0, end: "cancelled" });
  });
});

test("a version that is yanked or held on its way is not published, and its run says why", async () => {
  const bench = await openBench();
  const accepted = await accept(bench);
  await build(bench, accepted);
  const plan = (await bench.perform("openPublication", accepted.order))!;
  await inTransaction(bench.database, (transaction) =>
    PackageVersion.update({ verdict: "held" }, { where: {}, transaction }),
  );

  const late = await failureOf(bench.perform("switchLink", { ...accepted.order, plan }));
  expect(late).toMatchObject({ type: "packages/bad-content", message: /is held/ });
  expect(await bench.perform("openPublication", accepted.order)).toBeNull();
  expect(await PackageRun.findByPk(accepted.runId)).toMatchObject({
    state: "cancelled",
    reason: expect.stringContaining("is held") as string,
  });
});

test("while distribution is off a publication is not checked through the link that answers nobody", async () => {
  const bench = await openBench();
  const accepted = await accept(bench);
  await build(bench, accepted);
  const plan = (await bench.perform("openPublication", accepted.order))!;
  await inTransaction(bench.database, (transaction) =>
    Package.update({ isDistributing: false }, { where: {}, transaction }),
  );

  await bench.perform("checkLink", { ...accepted.order, plan });

  expect(await logOf(accepted.runId)).toContain("distribution is off");
});
