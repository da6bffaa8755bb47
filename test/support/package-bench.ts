import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApplicationFailure } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import { onTestFinished } from "vitest";
import { createPackageActivities } from "../../activities/packages/index.ts";
import type { RunOrder, StepOrder } from "../../activities/packages/contract.ts";
import type { PackageSettings, PackageTools } from "../../activities/packages/tools.ts";
import { packageKeys, STABLE } from "../../domain/packages.ts";
import type { BuildStep, PackageType } from "../../domain/packages.ts";
import { stageObject } from "../../models/operations.ts";
import { acceptPackage, PackageLogChunk } from "../../models/packages/index.ts";
import { readArchive } from "../../platform/archive.ts";
import { readEntries } from "../../platform/archive-entries.ts";
import { readPlist } from "../../platform/plist.ts";
import { type Edge, openEdge } from "../../platform/edge/index.ts";
import { openObjectStore } from "../../platform/objects/index.ts";
import { createRedactor } from "../../platform/redaction.ts";
import type { Shell, ToolRun } from "../../platform/shell.ts";
import { openStepLog } from "../../platform/step-log.ts";
import { ADMIN } from "./api.ts";
import { openTestDatabase } from "./database.ts";
import { fakeSchedules } from "./fakes/schedules.ts";
import { zipOf } from "./packages.ts";

export const SIGNING = {
  keystore: "/keys/signing.p12",
  password: "canary-of-the-keystore",
  alias: "a",
};

/** What the scanner of the bench knows. */
export const SIGNATURES = { digest: "5".repeat(64), names: "tests.ndb" };

/** What a fake tool does: writes files, says lines, ends. */
export type FakeTool = (run: ToolRun) => Partial<Awaited<ReturnType<Shell["run"]>>>;

export async function openBench(
  tool: FakeTool = () => ({}),
  settings: Partial<PackageSettings> = {},
  edge: Edge = openEdge(undefined),
  instead: Partial<PackageTools> = {},
) {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-activities-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const database = await openTestDatabase();
  const objects = await openObjectStore({ s3: undefined, folder });
  const runs: ToolRun[] = [];
  const shell: Shell = {
    sandbox: "none",
    find: async (command) => `/usr/bin/${command}`,
    async run(run) {
      runs.push(run);
      const end = tool(run);
      return { exitCode: 0, signal: null, ended: "by-itself", durationMs: 1, ...end };
    },
    async withScratch(_name, body) {
      const directory = await mkdtemp(join(folder, "scratch-"));
      try {
        return await body(directory);
      } finally {
        await rm(directory, { recursive: true });
      }
    },
  };
  const { schedules, kept: scheduled } = fakeSchedules();
  const activities = createPackageActivities({
    database,
    objects,
    shell,
    edge,
    schedules,
    reportProgress: () => undefined,
    openStepLog,
    readArchive,
    readEntries,
    readPlist,
    readSignatures: async () => SIGNATURES,
    redact: (text) => createRedactor([SIGNING.password])(text),
    fault: () => undefined,
    bus: { announce: async () => {}, subscribe: () => () => {}, close: async () => {} },
    settings: {
      publicUrl: "http://127.0.0.1:1",
      publicationCheckUrl: "http://127.0.0.1:1",
      references: {
        secrets: { "signing-password": SIGNING.password },
        files: { "signing-keystore": SIGNING.keystore },
        values: { "signing-alias": SIGNING.alias },
      },
      secrets: [SIGNING.password],
      ...settings,
    },
    ...instead,
  });
  type Activities = typeof activities;
  const perform = <N extends keyof Activities>(name: N, ...args: Parameters<Activities[N]>) =>
    new MockActivityEnvironment().run<
      unknown[],
      unknown,
      (...given: unknown[]) => Promise<unknown>
    >(activities[name] as (...given: unknown[]) => Promise<unknown>, ...args) as ReturnType<
      Activities[N]
    >;
  return { activities, database, objects, perform, runs, scheduled };
}

type Bench = Awaited<ReturnType<typeof openBench>>;

/** A package whose first version was accepted, with its run. */
export async function accept(
  { database, objects }: Bench,
  version = "1.0.0",
  content?: Buffer,
  type: PackageType = "zip",
) {
  const bytes = content ?? (await zipOf({ "a.txt": randomUUID() }));
  const ids = { packageId: randomUUID(), versionId: randomUUID(), runId: randomUUID() };
  const key = packageKeys.original(ids.packageId, ids.versionId);
  await stageObject(database, key);
  const written = await objects.put(key, bytes);
  const facts = {
    type,
    fileName: "app.zip",
    version,
    channel: STABLE,
    isDraft: false,
    description: null,
    key,
  } as const;
  const asker = { actor: ADMIN, address: "127.0.0.1", requestId: "r" };
  await acceptPackage(database, `App ${ids.packageId}`, { ...ids, ...facts, ...written }, asker);
  const order: RunOrder = {
    packageId: ids.packageId,
    runId: ids.runId,
    versionId: ids.versionId,
    channel: STABLE,
    kind: "upload",
    number: 1,
    title: "App",
  };
  return { ...ids, type, bytes, order, asker, original: { key, ...written } };
}
export type Accepted = Awaited<ReturnType<typeof accept>>;

export function stepOrder(accepted: Accepted, step: BuildStep): StepOrder {
  const { packageId, runId, versionId, type, original: input } = accepted;
  return { packageId, runId, versionId, type, step, input, tries: 0 };
}

export async function build(bench: Bench, accepted: Accepted) {
  await bench.perform("beginBuild", accepted.order);
  await bench.perform("runBuildStep", stepOrder(accepted, "metadata"));
  return bench.perform("runBuildStep", stepOrder(accepted, "checksums"));
}

export const logOf = async (runId: string) =>
  (await PackageLogChunk.findAll({ where: { runId }, order: [["sequence", "ASC"]] }))
    .map(({ text }) => text)
    .join("");

export async function failureOf(work: Promise<unknown>): Promise<ApplicationFailure> {
  try {
    await work;
  } catch (error) {
    return error as ApplicationFailure;
  }
  throw new Error("it did not fail");
}
