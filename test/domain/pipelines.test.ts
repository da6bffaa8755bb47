import { describe, expect, test } from "vitest";
import {
  needsOf,
  type Pipeline,
  pipelineIssues,
  type PipelineStep,
  referencesOf,
  stepNames,
} from "../../domain/pipelines.ts";
import { SHIPPED_PIPELINES } from "../../domain/shipped-pipelines.ts";

const KNOWN = [
  "secret:signing-password",
  "file:signing-keystore",
  "file:signing-authorities",
  "value:signing-alias",
];

const step = (name: string, given: Partial<PipelineStep> = {}): PipelineStep => ({
  name,
  kind: "change",
  command: ["tool", "{input}", "{output}"],
  timeoutSeconds: 60,
  retry: { tries: 1, pauseSeconds: 1 },
  exitCodes: { "0": "ok" },
  tools: ["tool"],
  env: {},
  captures: [],
  ...given,
});
const check = (name: string) => step(name, { kind: "check", command: ["tool", "{input}"] });
const pipeline = (...steps: PipelineStep[]): Pipeline => ({
  description: "",
  types: ["zip"],
  steps,
});
const faults = (...steps: PipelineStep[]) =>
  pipelineIssues(pipeline(...steps), KNOWN).map(({ path, message }) => `${path}: ${message}`);

describe("the order of a pipeline", () => {
  const sign = step("sign", { kind: "sign" });
  const align = step("align", { kind: "align" });

  test("is change, align, sign, and only checks after", () => {
    expect(faults(step("one"), align, sign, check("verify"), check("again"))).toEqual([]);
  });

  test.each([
    ["align after sign", [sign, align], "steps.1: must stand before sign: aligning breaks"],
    ["a change after sign", [sign, step("late")], "steps.1: must stand before sign: it changes"],
    ["two signatures", [sign, step("again", { kind: "sign" })], "steps.1: again would sign what"],
  ] as const)("is not %s", (_what, steps, fault) => {
    expect(faults(...steps)).toEqual([expect.stringContaining(fault)]);
  });
});

test.each<[string, Partial<PipelineStep>, string]>([
  ["no output of what changes", { command: ["tool", "{input}"] }, "must name {output}"],
  ["no input", { command: ["tool", "{output}"] }, "must name {input}"],
  ["an output of a check", { kind: "check" }, "must not name {output}"],
  ["an unknown placeholder", { command: ["t", "{input}", "{output}", "{key}"] }, "{key}"],
  ["a placeholder of every object", { command: ["t", "{input}{output}{toString}"] }, "{toString}"],
  [
    "a program that is a placeholder",
    { command: ["{version}", "{input}{output}"] },
    "must begin with",
  ],
  ["a program beside us", { command: ["./t", "{input}", "{output}"] }, "an absolute path"],
  ["a shell", { command: ["/bin/sh", "-c", "{input}{output}"] }, "no shell runs it"],
  ["a file nobody has", { command: ["t", "{input}{output}{file:mine}"] }, "refers to file:mine"],
  ["a secret nobody has", { env: { KEY: { secret: "mine" } } }, "refers to secret:mine"],
  ["a variable that is ours", { env: { PATH: "/tmp" } }, "PATH cannot be given"],
  ["a variable that loads code", { env: { LD_PRELOAD: "/x" } }, "LD_PRELOAD cannot be given"],
  ["an exit code that is none", { exitCodes: { "0": "ok", "256": "ok" } }, "256 is no exit code"],
  ["no good end", { exitCodes: { "1": "finding" } }, "which exit code is ok"],
  ["a pattern that is none", { captures: [{ fact: "a", pattern: "(" }] }, "no regular expression"],
  ["a pattern of no group", { captures: [{ fact: "a", pattern: "a" }] }, "must have one group"],
  ["a slow pattern", { captures: [{ fact: "a", pattern: "(a+)+b" }] }, "neither repeat a group"],
  ["a condition that is none", { when: "always" }, "must be hardener"],
  ["a name that every run has", { name: "scan" }, "a step that every run has"],
  ["a name that is none", { name: "Nope!" }, "must have 1–20"],
])("a step is refused for %s", (_what, given, fault) => {
  expect(faults(step("one", given))).toEqual([expect.stringContaining(fault)]);
});

test("every fault is told at once, with where it stands", () => {
  const twice = [step("one"), step("one", { command: ["t"] })];

  expect(
    pipelineIssues({ ...pipeline(...twice), types: [] }, KNOWN).map(({ path }) => path),
  ).toEqual(["types", "steps.1.name", "steps.1.command", "steps.1.command"]);
});

test("what is shipped keeps the rules, and refers to nothing but keys that sign", () => {
  for (const [name, shipped] of Object.entries(SHIPPED_PIPELINES)) {
    expect(pipelineIssues(shipped, KNOWN), name).toEqual([]);
  }
  expect(stepNames(SHIPPED_PIPELINES["apk"]!).join(" ")).toBe(
    "metadata scan harden align sign verify checksums",
  );
});

test("a worker needs what steps need that are always done", () => {
  const optional = step("harden", { command: ["{hardener}"], when: "hardener", tools: ["hard"] });
  const signed = step("sign", {
    command: ["tool", "{input}", "{output}", "{file:key}", "{secret-file:word}", "{value:name}"],
    env: { WORD: { secret: "word" }, MODE: "fast" },
  });

  expect(referencesOf(signed)).toEqual(["file:key", "secret:word", "value:name"]);
  expect(needsOf(pipeline(optional, signed))).toEqual({
    tools: ["tool"],
    references: ["file:key", "secret:word", "value:name"],
  });
});
