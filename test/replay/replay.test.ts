import { readFile } from "node:fs/promises";
import { Worker } from "@temporalio/worker";
import { describe, expect, inject, test } from "vitest";
import * as workflows from "../../workflows/index.ts";
import { historyFile, type RecordedCase, recordedCases } from "../support/histories.ts";
import { HISTORY_CASES } from "../support/history-cases.ts";

const recorded = await recordedCases();
const titleOf = ({ workflow, name }: RecordedCase) => `${workflow}/${name}`;

describe("a workflow that was begun by earlier code goes on under this code", () => {
  test.for(recorded.map((one) => [titleOf(one), one] as const))("%s", async ([, one]) => {
    const history: unknown = JSON.parse(await readFile(historyFile(one), "utf8"));
    const workflowBundle = inject("workflowBundle")!;

    const replaying = Worker.runReplayHistory({ workflowBundle }, history);

    await expect(replaying).resolves.toBeUndefined();
  });
});

test("every workflow has recorded histories", () => {
  const kept = new Set(recorded.map(({ workflow }) => workflow));

  expect(Object.keys(workflows).filter((name) => !kept.has(name))).toEqual([]);
});

test("every case is recorded", () => {
  const kept = new Set(recorded.map(titleOf));

  expect(HISTORY_CASES.map(titleOf).filter((title) => !kept.has(title))).toEqual([]);
});

test("no history names the machine it was recorded on", async () => {
  const texts = await Promise.all(recorded.map((one) => readFile(historyFile(one), "utf8")));

  const identities = texts.flatMap((text) =>
    [...text.matchAll(/"identity": "([^"]*)"/g)].map(([, identity]) => identity),
  );

  // What one workflow tells another, the server's own service hands on.
  expect(new Set(identities)).toEqual(new Set(["recording", "tests", "history-service"]));
});
