import { expect, test } from "vitest";
import { packageKeys } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import { OutboxEntry } from "../../../models/operations.ts";
import { moveRun, Package, PackageRun, PackageVersion } from "../../../models/packages/index.ts";
import { openEdge } from "../../../platform/edge/index.ts";
import { accept, build, openBench } from "../../support/package-bench.ts";
import { startReceiver } from "../../support/receiver.ts";

test("a removed version keeps its original alone, edges are told, and doing it again changes nothing", async () => {
  const edge = await startReceiver();
  const settings = { publicUrl: "https://dl.example" };
  const hook = openEdge({ kind: "hook", url: edge.address });
  const bench = await openBench(() => ({}), settings, hook);
  const [gone, kept] = [await accept(bench), await accept(bench, "2.0.0")];
  for (const one of [gone, kept]) await build(bench, one);
  const { packageId, runId, versionId } = gone;
  await inTransaction(bench.database, async (transaction) => {
    await moveRun(runId, "succeeded", { endedAt: new Date() }, transaction);
    const where = { id: versionId };
    const removed = { state: "removed", removedAt: new Date() } as const;
    await PackageVersion.update(removed, { where, transaction });
    const limited = { retainedVersions: 1, graceSeconds: 0 };
    await Package.update(limited, { where: { id: packageId }, transaction });
  });

  const { removed } = await bench.perform("retireVersions", { packageId });
  for (let times = 0; times < 2; times++) {
    await bench.perform("clearVersions", { packageId, versionIds: [...removed, kept.versionId] });
  }

  const keys: string[] = [];
  for await (const { key } of bench.objects.list(packageKeys.folder(packageId))) keys.push(key);
  expect(keys).toEqual([packageKeys.original(packageId, versionId)]);
  expect(await PackageVersion.findByPk(versionId)).toMatchObject({ artefactKey: null });
  expect((await PackageRun.findByPk(runId))?.clearedAt).toBeInstanceOf(Date);
  expect((await PackageVersion.findByPk(kept.versionId))?.artefactKey).toMatch(/^packages\//);
  expect(edge.received.map(({ body }) => body)).toEqual([
    expect.stringContaining("https://dl.example/dist/1001/v/1.0.0/app.zip"),
  ]);
  expect(await bench.perform("retireVersions", { packageId })).toEqual({ removed: [], graces: [] });
});

test("a package that is being removed keeps nothing and has nothing to be removed", async () => {
  const bench = await openBench();
  const { packageId } = await accept(bench);
  await Package.update({ deletedAt: new Date() }, { where: { id: packageId } });

  expect(await bench.perform("retireVersions", { packageId })).toEqual({ removed: [], graces: [] });
});

test("the sweep comes to its end, and wakes nobody when nothing is too much", async () => {
  const bench = await openBench();
  const { packageId } = await accept(bench);
  await Package.update({ retainedVersions: 1 }, { where: { id: packageId } });
  const before = await OutboxEntry.count();

  expect(await bench.perform("tellOverdue", { after: "", limit: 1 })).toBe(packageId);
  expect(await bench.perform("tellOverdue", { after: packageId, limit: 1 })).toBeNull();
  expect(await OutboxEntry.count()).toBe(before);
});
