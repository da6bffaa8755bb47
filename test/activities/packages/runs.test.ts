import { describe, expect, test } from "vitest";
import { packageKeys } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import {
  appendLog,
  PackageRun,
  PackageVersion,
  PackageLogChunk,
} from "../../../models/packages/index.ts";
import { openBench, accept, build, logOf } from "../../support/package-bench.ts";

describe("the life of a run", () => {
  test("a parked run says where it waits, goes on, and ends once", async () => {
    const bench = await openBench();
    const { order, packageId, runId, versionId } = await accept(bench);
    await bench.perform("beginBuild", order);
    const ids = { packageId, runId };
    const parked = { ...ids, workflowId: "w", step: "harden", reason: "broken" } as const;

    await bench.perform("parkRun", parked);
    expect(await PackageRun.findByPk(runId)).toMatchObject({ state: "parked", parkedIn: "w" });
    await bench.perform("resumeRun", { ...ids, step: "harden", reason: "retry by admin" });
    await bench.perform("endRun", { ...ids, state: "failed", reason: "bad" });
    await bench.perform("endRun", { ...ids, state: "cancelled", reason: "late" });

    expect(await PackageRun.findByPk(runId)).toMatchObject({ state: "failed", reason: "bad" });
    expect(await PackageVersion.findByPk(versionId)).toMatchObject({ state: "failed" });
    expect((await bench.perform("beginBuild", order)).open).toBe(false);
  });

  test("an ended run's log becomes one object with the same bytes", async () => {
    const bench = await openBench();
    const { order, packageId, runId } = await accept(bench);
    await bench.perform("beginBuild", order);
    await inTransaction(bench.database, async (transaction) => {
      for (let n = 1; n <= 200; n++) await appendLog(runId, `line ${n} 行\n`, transaction);
    });
    const before = await logOf(runId);

    await bench.perform("keepLog", { packageId, runId });
    await bench.perform("keepLog", { packageId, runId });

    const object = await bench.objects.open(packageKeys.log(packageId, runId));
    const pieces: Buffer[] = [];
    for await (const piece of await object!.read()) pieces.push(piece as Buffer);
    await object!.close();
    expect(before).toMatch(/^line 1 行\n.*line 200 行\n$/s);
    expect(Buffer.concat(pieces).toString()).toBe(before);
    expect(await PackageLogChunk.count()).toBe(0);
    expect(await PackageRun.findByPk(runId)).toMatchObject({
      logKey: packageKeys.log(packageId, runId),
    });
  });

  test("outputs go some days after the end, the published form and the original stay", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);
    const { packageId, runId } = accepted;
    const artefact = await build(bench, accepted);
    const output = packageKeys.step(packageId, runId, "align");
    await bench.objects.put(output, "between two steps");
    await bench.perform("endRun", { packageId, runId, state: "superseded", reason: "later" });

    const early = await bench.perform("clearRunOutputs", { endedBefore: 0, limit: 9 });
    const due = await bench.perform("clearRunOutputs", {
      endedBefore: Date.now() + 1000,
      limit: 9,
    });
    const again = await bench.perform("clearRunOutputs", {
      endedBefore: Date.now() + 1000,
      limit: 9,
    });

    expect([early, due, again]).toEqual([0, 1, 0]);
    expect(await bench.objects.head(output)).toBeUndefined();
    expect(await bench.objects.head(artefact.key)).toBeDefined();
    expect(await bench.objects.head(accepted.original.key)).toBeDefined();
  });
});
