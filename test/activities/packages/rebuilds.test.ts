import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { RunOrder } from "../../../activities/packages/contract.ts";
import { packageKeys, STEP_FAILURES } from "../../../domain/packages.ts";
import {
  acceptRebuild,
  Package,
  PackageRun,
  PackageStep,
  PackageVersion,
} from "../../../models/packages/index.ts";
import { hostileZip } from "../../support/hostile-archives.ts";
import {
  accept,
  type Accepted,
  build,
  failureOf,
  openBench,
  stepOrder,
} from "../../support/package-bench.ts";
import { digestOf } from "../../support/packages.ts";

type Bench = Awaited<ReturnType<typeof openBench>>;

/** Hardens to other bytes each time. */
const openHardening = () => {
  let times = 0;
  return openBench(({ args }) => (writeFileSync(args[1]!, `hardened ${++times}`), {}), {
    hardenCommand: ["protect", "{input}", "{output}"],
  });
};

async function order(
  { database }: Bench,
  { packageId, versionId, asker }: Accepted,
  more: { fromStep?: string; input?: string } = {},
): Promise<RunOrder> {
  const runId = randomUUID();
  const owner = await Package.findByPk(packageId, { rejectOnEmpty: true });
  const version = await PackageVersion.findByPk(versionId, { rejectOnEmpty: true });
  await acceptRebuild(database, owner, { runId, version, kind: "rebuild", ...more }, asker);
  const { channel, kind, number } = await PackageRun.findByPk(runId, { rejectOnEmpty: true });
  return { packageId, runId, versionId, channel, kind, number, title: "App" };
}

/** Every step of a run's plan, as the workflow does them. */
async function buildAll(bench: Bench, run: RunOrder) {
  const plan = await bench.perform("beginBuild", run);
  let input = plan.original;
  for (const step of plan.steps) {
    const { packageId, runId, versionId } = run;
    const { type } = plan;
    const kept = plan.isKept && input === plan.original ? { isKept: true } : {};
    const given = { packageId, runId, versionId, type, step, input, tries: 0, ...kept };
    input = await bench.perform("runBuildStep", given);
  }
  return { plan, artefact: input };
}

const versionOf = ({ versionId }: Accepted) =>
  PackageVersion.findByPk(versionId, { rejectOnEmpty: true });

test("a build begins where it is told to, out of what an earlier run left there", async () => {
  const bench = await openHardening();
  const accepted = await accept(bench);
  await buildAll(bench, accepted.order);
  const hardened = await PackageStep.findOne({ where: { name: "harden" }, rejectOnEmpty: true });

  const run = await order(bench, accepted, { fromStep: "checksums" });
  const { plan, artefact } = await buildAll(bench, run);

  expect(plan).toMatchObject({ steps: ["checksums"], isKept: true });
  expect(artefact.sha256).toBe(hardened.outputSha256);
  expect(bench.runs).toHaveLength(1);
  const steps = await PackageStep.findAll({ where: { runId: run.runId }, order: ["position"] });
  expect(steps.map(({ name, state }) => `${name} ${state}`)).toEqual([
    "metadata reused",
    "harden reused",
    "checksums succeeded",
  ]);
});

test("a plan stands once it was made, whatever is configured when it is read again", async () => {
  const bench = await openHardening();
  const accepted = await accept(bench);
  await bench.perform("beginBuild", accepted.order);
  await PackageRun.update({ plan: ["metadata", "checksums"] }, { where: { id: accepted.runId } });

  const again = await bench.perform("beginBuild", accepted.order);

  expect(again.steps).toEqual(["metadata", "checksums"]);
});

test("what an earlier run left and was damaged since fails the run, with what to do", async () => {
  const bench = await openHardening();
  const accepted = await accept(bench);
  await buildAll(bench, accepted.order);
  const hardened = await PackageStep.findOne({ where: { name: "harden" }, rejectOnEmpty: true });
  const run = await order(bench, accepted, { fromStep: "checksums" });
  await bench.objects.put(hardened.outputKey!, "hardened X");

  const failure = await failureOf(buildAll(bench, run));

  expect(failure.type).toBe(STEP_FAILURES.content);
  expect(failure.message).toMatch(/damaged .* Run again from an earlier step/);
});

test("what earlier runs left stays while a run is under way that may have begun with it", async () => {
  const bench = await openHardening();
  const accepted = await accept(bench);
  await buildAll(bench, accepted.order);
  await bench.perform("endRun", { ...accepted.order, state: "cancelled", reason: "enough" });
  const run = await order(bench, accepted, { fromStep: "checksums" });
  const clear = () =>
    bench.perform("clearRunOutputs", { endedBefore: Date.now() + 1000, limit: 9 });

  const meanwhile = await clear();
  await bench.perform("endRun", { ...run, state: "cancelled", reason: "enough" });

  expect([meanwhile, await clear()]).toEqual([0, 2]);
});

test("a new build of a live version is told to clients when it is live, and not before", async () => {
  const bench = await openHardening();
  const accepted = await accept(bench);
  const first = await buildAll(bench, accepted.order);
  const run = await order(bench, accepted);

  const second = await buildAll(bench, run);
  const before = await versionOf(accepted);
  const plan = await bench.perform("openPublication", run);
  await bench.perform("recordLive", { ...run, plan: plan! });
  await bench.perform("recordLive", { ...run, plan: plan! });

  expect(second.artefact.sha256).not.toBe(first.artefact.sha256);
  expect(before).toMatchObject({ artefactSha256: first.artefact.sha256, firstArtefactKey: null });
  expect(plan!.target.artefact).toEqual(second.artefact);
  expect(await versionOf(accepted)).toMatchObject({
    artefactSha256: second.artefact.sha256,
    firstArtefactSha256: first.artefact.sha256,
    firstArtefactKey: first.artefact.key,
  });
});

test("a version that failed becomes ready by a rebuild, and fails again with one that fails", async () => {
  const bench = await openBench();
  const accepted = await accept(bench);
  const fail = (run: RunOrder) =>
    bench.perform("endRun", { ...run, state: "failed", reason: "bad" });
  await fail(accepted.order);
  await fail(await order(bench, accepted));
  const failed = (await versionOf(accepted)).state;

  await buildAll(bench, await order(bench, accepted));

  expect(failed).toBe("failed");
  expect(await versionOf(accepted)).toMatchObject({ state: "ready", firstArtefactKey: null });
});

test("a draft becomes what it was built into last", async () => {
  const bench = await openHardening();
  const accepted = await accept(bench);
  await buildAll(bench, accepted.order);
  await PackageVersion.update({ isDraft: true }, { where: { id: accepted.versionId } });

  const run = await order(bench, accepted);
  const { artefact } = await buildAll(bench, run);

  expect(run.number).toBe(0);
  expect(await versionOf(accepted)).toMatchObject({ artefactKey: artefact.key });
});

test("a run remembers where each step's output lies", async () => {
  const bench = await openBench();
  const accepted = await accept(bench);

  await bench.perform("runBuildStep", stepOrder(accepted, "metadata"));
  const artefact = await build(bench, accepted);

  expect(await PackageStep.findAll({ order: ["position"] })).toMatchObject([
    { name: "metadata", outputKey: accepted.original.key, outputBytes: accepted.bytes.length },
    { name: "checksums", outputKey: artefact.key, outputSha256: artefact.sha256 },
  ]);
  expect(artefact.key).toBe(
    packageKeys.version(accepted.packageId, accepted.versionId, artefact.sha256),
  );
});

test("what metadata refuses comes to no link by a build that begins after it", async () => {
  const bench = await openBench(() => ({}));
  const hostile = hostileZip([{ name: "../evil.txt" }]);
  const accepted = await accept(bench, "1.0.0", hostile);
  expect((await failureOf(buildAll(bench, accepted.order))).message).toMatch(/outside its folder/);
  await bench.perform("endRun", { ...accepted.order, state: "failed", reason: "bad" });

  const run = await order(bench, accepted, { fromStep: "checksums", input: digestOf(hostile) });
  const failure = await failureOf(buildAll(bench, run));

  expect(failure).toMatchObject({ type: STEP_FAILURES.content });
  expect(failure.message).toMatch(/without from_step/);
  expect(await versionOf(accepted)).toMatchObject({ verdict: "pending", artefactKey: null });
});

test("of many builds of one version the first and the newest are kept, and the others go some days later", async () => {
  const bench = await openHardening();
  const accepted = await accept(bench);
  const publish = async (run: RunOrder) => {
    const { artefact } = await buildAll(bench, run);
    const plan = await bench.perform("openPublication", run);
    await bench.perform("recordLive", { ...run, plan: plan! });
    return artefact.key;
  };
  const first = await publish(accepted.order);
  const second = await publish(await order(bench, accepted));
  const third = await publish(await order(bench, accepted));

  await bench.perform("clearRunOutputs", { endedBefore: Date.now() + 1000, limit: 9 });

  const isKept = async (key: string) => (await bench.objects.head(key)) !== undefined;
  expect([await isKept(first), await isKept(second), await isKept(third)]).toEqual([
    true,
    false,
    true,
  ]);
  const input = (await PackageRun.findOne({ where: { artefactKey: null }, rejectOnEmpty: true }))
    .artefactSha256!;
  await expect(order(bench, accepted, { input })).rejects.toThrow(/not kept any more|has it/);
});
