import { describe, expect, test } from "vitest";
import { ApplicationFailure } from "@temporalio/common";
import { refusal } from "../../../domain/errors.ts";
import { packageKeys } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import {
  appendLog,
  PackageRun,
  PackageVersion,
  PackageLogChunk,
} from "../../../models/packages/index.ts";
import { openBench, accept, build, failureOf, logOf } from "../../support/package-bench.ts";

describe("the life of a run", () => {
  test("a parked run says where it waits, goes on, and ends once", async () => {
    const bench = await openBench();
    const { order, packageId, runId, versionId } = await accept(bench);
    await bench.perform("beginBuild", order);
    const ids = { packageId, runId };
    const parked = { ...ids, workflowId: "w", step: "harden", reason: "broken" } as const;

    await bench.perform("parkRun", parked);
    expect(await PackageRun.findByPk(runId)).toMatchObject({ state: "parked", parkedIn: "w" });
    const resume = { ...ids, step: "harden", reason: "retry by admin" } as const;
    expect(await bench.perform("resumeRun", resume)).toBe(2);
    expect(await bench.perform("resumeRun", resume)).toBe(2);
    await bench.perform("endRun", { ...ids, state: "failed", reason: "bad" });
    await bench.perform("endRun", { ...ids, state: "cancelled", reason: "late" });

    expect(await PackageRun.findByPk(runId)).toMatchObject({
      state: "failed",
      reason: "bad",
      number: 2,
    });
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

  test("a log that another worker has stored meanwhile is not replaced by half of it", async () => {
    const bench = await openBench();
    const { order, packageId, runId } = await accept(bench);
    await bench.perform("beginBuild", order);
    await inTransaction(bench.database, (transaction) => appendLog(runId, "a line\n", transaction));
    const put = bench.objects.put.bind(bench.objects);
    bench.objects.put = async (...given) => {
      await PackageLogChunk.destroy({ where: { runId } });
      return put(...given);
    };

    const late = await failureOf(bench.perform("keepLog", { packageId, runId }));

    expect(late.message).toMatch(/stored by another worker/);
    expect(await bench.objects.head(packageKeys.log(packageId, runId))).toBeUndefined();
  });

  test("what a late worker says after the log was stored is not kept", async () => {
    const bench = await openBench();
    const { order, packageId, runId } = await accept(bench);
    await bench.perform("beginBuild", order);
    await bench.perform("endRun", { packageId, runId, state: "failed", reason: "bad" });

    await inTransaction(bench.database, (transaction) => appendLog(runId, "late\n", transaction));

    expect(await PackageLogChunk.count()).toBe(0);
  });

  test("a full store does not end what nobody can refuse: it is tried again", async () => {
    const bench = await openBench();
    const { packageId, runId } = await accept(bench);
    bench.objects.put = () => Promise.reject(refusal("platform/storage-full", "It is full."));

    const failure = await failureOf(
      bench.perform("endRun", { packageId, runId, state: "failed", reason: "bad" }),
    );

    expect(failure).not.toBeInstanceOf(ApplicationFailure);
    expect(failure.message).toBe("It is full.");
  });

  test("outputs go some days after the end, the published form and the original stay", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);
    const { packageId, runId } = accepted;
    const artefact = await build(bench, accepted);
    const output = packageKeys.step(packageId, runId, "align", 1);
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
