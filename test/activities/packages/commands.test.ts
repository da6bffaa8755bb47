import { readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Pipeline, type PipelineStep } from "../../../domain/pipelines.ts";
import { packageKeys, STEP_FAILURES } from "../../../domain/packages.ts";
import { createPipeline, savePipeline } from "../../../models/pipelines.ts";
import { PackageFinding, PackageRun, PackageVersion } from "../../../models/packages/index.ts";
import {
  accept,
  type Accepted,
  failureOf,
  type FakeTool,
  logOf,
  openBench,
  stepOrder,
} from "../../support/package-bench.ts";

const SECRET = "canary-of-the-pipeline";

const STEP: PipelineStep = {
  name: "polish",
  kind: "change",
  command: ["polish", "--for={version}", "{input}", "{output}"],
  timeoutSeconds: 77,
  retry: { tries: 5, pauseSeconds: 9 },
  exitCodes: { "0": "ok", "3": "finding", "4": "bad-content", "7": "ok" },
  tools: ["polish"],
  env: {},
  captures: [{ fact: "gloss", pattern: "gloss is (\\w+)" }],
};
const pipelineOf = (step: Partial<PipelineStep>): Pipeline => ({
  description: "",
  types: ["zip"],
  steps: [{ ...STEP, ...step }],
});

/** A package that goes through a pipeline of this one step. */
async function startPolishing(tool: FakeTool, step: Partial<PipelineStep> = {}) {
  const bench = await openBench(tool, {
    references: {
      secrets: { word: SECRET },
      files: { key: "/keys/key.p12" },
      values: { as: "me" },
    },
    secrets: [SECRET],
  });
  const accepted = await accept(bench);
  const definition = pipelineOf(step);
  await createPipeline(bench.database, "polish", definition, accepted.asker);
  await choose(accepted, 1);
  return { bench, accepted, polish: () => bench.perform("runBuildStep", order(accepted)) };
}

const choose = ({ runId }: Accepted, pipelineVersion: number) =>
  PackageRun.update({ pipeline: "polish", pipelineVersion }, { where: { id: runId } });
const order = (accepted: Accepted) => stepOrder(accepted, "polish");
const writes: FakeTool = ({ args }) => (writeFileSync(args.at(-1)!, "polished"), {});

test("a step's program gets its words filled in, as arguments and nothing else", async () => {
  const { bench, accepted, polish } = await startPolishing(writes, {
    command: ["polish", "{version};ls", "--as", "{value:as}", "--key={file:key}", "{output}"],
  });

  const output = await polish();

  const [run] = bench.runs;
  expect(run).toMatchObject({ command: "polish", timeoutMs: 77_000, readable: ["/keys/key.p12"] });
  expect(run!.args.slice(0, 4)).toEqual(["1.0.0;ls", "--as", "me", "--key=/keys/key.p12"]);
  expect(output.key).toBe(packageKeys.step(accepted.packageId, accepted.runId, "polish", 1));
});

test("a secret is in the tool's environment or in a file of its own, and nowhere else", async () => {
  const seen: unknown[] = [];
  const { bench, accepted, polish } = await startPolishing(
    ({ args, env, onLine }) => {
      const [path] = args as [string];
      seen.push(readFileSync(path, "utf8"), statSync(path).mode & 0o777, env);
      onLine?.(`the secret is ${SECRET}`);
      writeFileSync(args.at(-1)!, "polished");
      return {};
    },
    {
      command: ["polish", "{secret-file:word}", "{input}", "{output}"],
      env: { WORD: { secret: "word" }, MODE: "fast" },
    },
  );

  await polish();

  expect(seen).toEqual([SECRET, 0o600, { WORD: SECRET, MODE: "fast" }]);
  expect(JSON.stringify(bench.runs.map(({ args }) => args))).not.toContain(SECRET);
  expect(await logOf(accepted.runId)).not.toContain(SECRET);
});

test("a reference that this worker lacks says what to give it, and no tool is begun", async () => {
  const { bench, polish } = await startPolishing(writes, { env: { A: { secret: "other" } } });

  const failure = await failureOf(polish());

  expect(failure.message).toMatch(/no secret other\. Give it to every build worker/);
  expect(failure.type).toBe(STEP_FAILURES.broken);
  expect(bench.runs).toEqual([]);
});

test.each([
  [1, STEP_FAILURES.broken],
  [3, STEP_FAILURES.finding],
  [4, STEP_FAILURES.content],
])("exit code %i means what the pipeline says", async (exitCode, type) => {
  const { polish } = await startPolishing(({ onLine }) => {
    onLine?.("there is rust");
    return { exitCode };
  });

  const failure = await failureOf(polish());

  expect(failure.type).toBe(type);
  expect(failure.details).toEqual([{ exitCode }]);
});

test("what a step finds is kept with the tool's last words, for a person to look at", async () => {
  const { polish } = await startPolishing(({ onLine }) => {
    onLine?.("there is rust");
    return { exitCode: 3 };
  });

  await failureOf(polish());

  expect(await PackageFinding.findAll()).toMatchObject([
    { name: "polish", scanner: "Step polish", detail: expect.stringMatching(/there is rust$/) },
  ]);
});

test("another exit code that is ok goes on, and keeps the facts that the tool told", async () => {
  const { accepted, polish } = await startPolishing((run) => {
    run.onLine?.("gloss is high");
    writes(run);
    return { exitCode: 7 };
  });

  await polish();

  const version = await PackageVersion.findByPk(accepted.versionId, { rejectOnEmpty: true });
  expect(version.facts).toMatchObject({ gloss: "high" });
});

test("a run goes through the version that it was accepted with, whatever is saved meanwhile", async () => {
  const { bench, accepted, polish } = await startPolishing(writes);
  await savePipeline(
    bench.database,
    "polish",
    pipelineOf({ command: ["other", "{input}", "{output}"] }),
    accepted.asker,
  );

  const plan = await bench.perform("beginBuild", accepted.order);
  await polish();
  await choose(accepted, 2);
  await polish();

  expect(plan.steps).toEqual(["metadata", "polish", "checksums"]);
  expect(plan.rules).toMatchObject({
    polish: { timeoutSeconds: 77, tries: 5, pauseSeconds: 9 },
  });
  expect(bench.runs.map(({ command }) => command)).toEqual(["polish", "other"]);
});

test.each([
  ["secret:word", true],
  ["file:other", false],
  ["hardener", false],
])("a step on condition of %s is in the plan: %s", async (when, isIn) => {
  const { bench, accepted } = await startPolishing(writes, { when });

  const { steps } = await bench.perform("beginBuild", accepted.order);

  expect(steps.includes("polish")).toBe(isIn);
});
