import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApplicationFailure } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { createPackageActivities } from "../../activities/packages/index.ts";
import type { RunOrder, StepOrder } from "../../activities/packages/contract.ts";
import type { PackageSettings } from "../../activities/packages/tools.ts";
import { packageKeys, STEP_FAILURES } from "../../domain/packages.ts";
import type { BuildStep } from "../../domain/packages.ts";
import { inTransaction } from "../../models/database.ts";
import { AuditEntry, stageObject } from "../../models/operations.ts";
import {
  acceptPackage,
  acceptRollback,
  appendLog,
  Package,
  PackageLogChunk,
  PackageRun,
  PackageStep,
  PackageVersion,
} from "../../models/packages/index.ts";
import { readArchive } from "../../platform/archive.ts";
import { openObjectStore } from "../../platform/objects/index.ts";
import type { Shell, ToolRun } from "../../platform/shell.ts";
import { openStepLog } from "../../platform/step-log.ts";
import { ADMIN } from "../support/api.ts";
import { openTestDatabase } from "../support/database.ts";
import { digestOf, zipOf } from "../support/packages.ts";

const SIGNING = { keystore: "/keys/signing.p12", password: "canary-of-the-keystore", alias: "a" };

/** What a fake tool does: writes files, says lines, ends. */
type FakeTool = (run: ToolRun) => Partial<Awaited<ReturnType<Shell["run"]>>>;

async function openBench(tool: FakeTool = () => ({}), settings: Partial<PackageSettings> = {}) {
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
      return body(directory).finally(() => rm(directory, { recursive: true }));
    },
  };
  const activities = createPackageActivities({
    database,
    objects,
    shell,
    openStepLog,
    readArchive,
    bus: { announce: async () => {}, subscribe: () => () => {}, close: async () => {} },
    settings: {
      publicUrl: "http://127.0.0.1:1",
      publicationCheckUrl: "http://127.0.0.1:1",
      signing: SIGNING,
      secrets: [SIGNING.password],
      ...settings,
    },
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
  return { database, objects, perform, runs };
}

type Bench = Awaited<ReturnType<typeof openBench>>;

/** A package whose first version was accepted, with its run. */
async function accept({ database, objects }: Bench, version = "1.0.0") {
  const bytes = await zipOf({ "a.txt": randomUUID() });
  const ids = { packageId: randomUUID(), versionId: randomUUID(), runId: randomUUID() };
  const key = packageKeys.original(ids.packageId, ids.versionId);
  await stageObject(database, key);
  const written = await objects.put(key, bytes);
  const facts = { type: "zip", fileName: "app.zip", version, description: null, key } as const;
  const asker = { actor: ADMIN, address: "127.0.0.1", requestId: "r" };
  await acceptPackage(database, `App ${ids.packageId}`, { ...ids, ...facts, ...written }, asker);
  const order: RunOrder = {
    packageId: ids.packageId,
    runId: ids.runId,
    kind: "upload",
    number: 1,
    title: "App",
  };
  return { ...ids, bytes, order, asker, original: { key, ...written } };
}
type Accepted = Awaited<ReturnType<typeof accept>>;

function stepOrder(accepted: Accepted, step: BuildStep): StepOrder {
  const { packageId, runId, versionId, original: input } = accepted;
  return { packageId, runId, versionId, type: "zip", step, input, tries: 0 };
}

async function build(bench: Bench, accepted: Accepted) {
  await bench.perform("beginBuild", accepted.order);
  return bench.perform("runBuildStep", stepOrder(accepted, "checksums"));
}

const logOf = async (runId: string) =>
  (await PackageLogChunk.findAll({ where: { runId }, order: [["sequence", "ASC"]] }))
    .map(({ text }) => text)
    .join("");

async function failureOf(work: Promise<unknown>): Promise<ApplicationFailure> {
  try {
    await work;
  } catch (error) {
    return error as ApplicationFailure;
  }
  throw new Error("it did not fail");
}

describe("runBuildStep", () => {
  test("keeps a tool's output under the key of run and step, and its lines in the log", async () => {
    const bench = await openBench(
      ({ args, onLine }) => {
        writeFileSync(args[1]!, "hardened bytes");
        onLine?.("working hard");
        return {};
      },
      { hardenCommand: ["protect", "{input}", "{output}"] },
    );
    const accepted = await accept(bench);

    const output = await bench.perform("runBuildStep", stepOrder(accepted, "harden"));

    expect(output).toMatchObject({
      key: packageKeys.step(accepted.packageId, accepted.runId, "harden"),
      sha256: digestOf(Buffer.from("hardened bytes")),
    });
    expect(await logOf(accepted.runId)).toMatch(/--- harden\n.*working hard\n/s);
    expect(await PackageStep.findAll()).toMatchObject([
      { name: "harden", state: "succeeded", attempts: 1, exitCode: 0, outputSha256: output.sha256 },
    ]);
  });

  test.each<[string, BuildStep, FakeTool, keyof typeof STEP_FAILURES, RegExp]>([
    [
      "a finding of the scan",
      "scan",
      ({ onLine }) => (onLine?.("input.zip: Eicar-Test FOUND"), { exitCode: 1 }),
      "content",
      /found Eicar-Test/,
    ],
    [
      "a broken scanner",
      "scan",
      ({ onLine }) => (onLine?.("no database"), { exitCode: 2 }),
      "broken",
      /clamscan ended with exit code 2: no database/,
    ],
    [
      "a tool that hangs",
      "harden",
      () => ({ exitCode: null, signal: "SIGKILL", ended: "timed-out" }),
      "broken",
      /did not end within 7200 seconds/,
    ],
    [
      "a tool that is killed",
      "harden",
      () => ({ exitCode: null, signal: "SIGSEGV" }),
      "broken",
      /was ended by SIGSEGV/,
    ],
    [
      "a tool that leaves no output",
      "harden",
      () => ({}),
      "broken",
      /ended well but left no output/,
    ],
    [
      "a tool that leaves an empty output",
      "harden",
      ({ args }) => (writeFileSync(args[1]!, ""), {}),
      "broken",
      /left no output/,
    ],
  ])("%s fails the step and says why", async (_what, step, tool, kind, reason) => {
    const settings = {
      hardenCommand: ["protect", "{input}", "{output}"],
      scanSignatures: "/signatures",
    };
    const bench = await openBench(tool, settings);
    const accepted = await accept(bench);

    const failure = await failureOf(bench.perform("runBuildStep", stepOrder(accepted, step)));

    expect(failure).toMatchObject({ type: STEP_FAILURES[kind], nonRetryable: true });
    expect(failure.message).toMatch(reason);
    expect(await logOf(accepted.runId)).toMatch(reason);
    expect(await PackageStep.findAll()).toMatchObject([{ state: "failed" }]);
  });

  test("an input that was damaged in the store is never processed", async () => {
    const bench = await openBench(() => ({}), { scanSignatures: "/signatures" });
    const accepted = await accept(bench);
    await bench.objects.put(accepted.original.key, "other bytes");

    const failure = await failureOf(bench.perform("runBuildStep", stepOrder(accepted, "scan")));

    expect(failure.message).toMatch(/damaged/);
    expect(bench.runs).toEqual([]);
  });

  test("the keystore's password reaches the signer by its environment alone, and no log", async () => {
    const bench = await openBench(({ args, env, onLine }) => {
      onLine?.(`password is ${env?.["KEYSTORE_PASSWORD"]}`);
      if (args[0] === "sign") writeFileSync(args[args.indexOf("--out") + 1]!, "signed");
      else onLine?.(`Signer #1 certificate SHA-256 digest: ${"ab".repeat(32)}`);
      return {};
    });
    const accepted = await accept(bench);

    await bench.perform("runBuildStep", stepOrder(accepted, "sign"));

    expect(JSON.stringify(bench.runs.map(({ args }) => args))).not.toContain(SIGNING.password);
    expect(bench.runs[0]!.env).toEqual({ KEYSTORE_PASSWORD: SIGNING.password });
    expect(await logOf(accepted.runId)).not.toContain(SIGNING.password);
    const version = await PackageVersion.findByPk(accepted.versionId, { rejectOnEmpty: true });
    expect(version.facts).toMatchObject({ signer_sha256: "ab".repeat(32) });
  });

  test("reads the facts of an APK out of aapt, and refuses one without a package name", async () => {
    const lines = [
      "package: name='com.example' versionCode='7' versionName='1.2'",
      "sdkVersion:'21'",
      "uses-permission: name='android.permission.INTERNET'",
    ];
    const bench = await openBench(({ onLine }) => (lines.forEach((line) => onLine?.(line)), {}));
    const accepted = await accept(bench);
    const order = { ...stepOrder(accepted, "metadata"), type: "apk" as const };

    await bench.perform("runBuildStep", order);
    const version = await PackageVersion.findByPk(accepted.versionId, { rejectOnEmpty: true });
    lines.shift();
    const failure = await failureOf(bench.perform("runBuildStep", order));

    expect(version.facts).toMatchObject({
      package_name: "com.example",
      version_code: "7",
      min_sdk: "21",
      permissions: ["android.permission.INTERNET"],
      entries: 1,
    });
    expect(failure.type).toBe(STEP_FAILURES.content);
  });

  test("checksums make the version ready under a key of its own, twice the same", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);

    const artefact = await build(bench, accepted);
    const again = await build(bench, accepted);

    expect(again).toEqual(artefact);
    expect(await PackageVersion.findByPk(accepted.versionId)).toMatchObject({
      state: "ready",
      artefactKey: artefact.key,
      artefactSha256: digestOf(accepted.bytes),
    });
    expect((await bench.objects.head(artefact.key))?.bytes).toBe(accepted.bytes.length);
  });
});

describe("publication", () => {
  const live = ({ packageId }: Accepted) => packageKeys.live(packageId);

  test("switches the link with its facts, records it once, and audits it once", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);
    await build(bench, accepted);

    const plan = (await bench.perform("openPublication", accepted.order))!;
    const order = { ...accepted.order, plan };
    await bench.perform("switchLink", order);
    await bench.perform("switchLink", order);
    await bench.perform("recordLive", order);
    await bench.perform("recordLive", order);

    expect((await bench.objects.head(live(accepted)))?.metadata).toEqual({
      sha256: digestOf(accepted.bytes),
      number: "1",
      version: "1.0.0",
      "file-name": "app.zip",
    });
    expect(await Package.findByPk(accepted.packageId)).toMatchObject({
      liveVersionId: accepted.versionId,
      liveNumber: 1,
    });
    expect(await PackageRun.findByPk(accepted.runId)).toMatchObject({ state: "succeeded" });
    expect(await AuditEntry.count({ where: { action: "packages.published" } })).toBe(1);
  });

  test("a lower number never gets the link, and a worker that was thought dead cannot move it", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);
    await build(bench, accepted);
    const plan = (await bench.perform("openPublication", accepted.order))!;
    const owner = await Package.findByPk(accepted.packageId, { rejectOnEmpty: true });
    const version = await PackageVersion.findByPk(accepted.versionId, { rejectOnEmpty: true });
    const runId = randomUUID();
    await acceptRollback(bench.database, owner, { runId, version }, accepted.asker);
    const later: RunOrder = { ...accepted.order, runId, kind: "rollback", number: 2 };
    await bench.perform("openPublication", later);

    const late = await failureOf(bench.perform("switchLink", { ...accepted.order, plan }));
    const again = await bench.perform("openPublication", accepted.order);

    expect(late.message).toMatch(/later publication/);
    expect(again).toBeNull();
    expect(await bench.objects.head(live(accepted))).toBeUndefined();
  });

  test("putting back shows the previous version again, or nothing when there was none", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);
    await build(bench, accepted);
    const plan = (await bench.perform("openPublication", accepted.order))!;
    await bench.perform("switchLink", { ...accepted.order, plan });

    await bench.perform("restoreLink", { ...accepted.order, plan });
    expect(await bench.objects.head(live(accepted))).toBeUndefined();

    const previous = { ...plan.target, number: 0, version: "0.9.0" };
    await bench.perform("restoreLink", { ...accepted.order, plan: { ...plan, previous } });
    expect((await bench.objects.head(live(accepted)))?.metadata["version"]).toBe("0.9.0");
  });

  test("is checked through the public address: other bytes, tag or length do not pass", async () => {
    let edge: { etag: string; bytes: Buffer } = { etag: "", bytes: Buffer.alloc(0) };
    const server = createServer((req, res) => {
      const range = /bytes=(\d+)-(\d+)/.exec(req.headers.range ?? "");
      const part = range ? edge.bytes.subarray(Number(range[1]), Number(range[2]) + 1) : edge.bytes;
      res.writeHead(range ? 206 : 200, { etag: edge.etag, "content-length": part.length });
      res.end(req.method === "HEAD" ? undefined : part);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const bench = await openBench(() => ({}), { publicationCheckUrl: url });
    const accepted = await accept(bench);
    await build(bench, accepted);
    const plan = (await bench.perform("openPublication", accepted.order))!;
    const check = () => bench.perform("checkLink", { ...accepted.order, plan });
    const etag = `"${digestOf(accepted.bytes)}"`;

    edge = { etag: '"old"', bytes: accepted.bytes };
    expect((await failureOf(check())).message).toMatch(/still shows other bytes/);
    edge = { etag, bytes: accepted.bytes.subarray(1) };
    expect((await failureOf(check())).message).toMatch(/another length/);
    edge = { etag, bytes: Buffer.alloc(accepted.bytes.length) };
    expect((await failureOf(check())).message).toMatch(/other bytes than the store/);
    edge = { etag, bytes: accepted.bytes };
    await check();
    expect(await PackageStep.findAll({ where: { name: "check" } })).toMatchObject([
      { name: "check", state: "succeeded", attempts: 4 },
    ]);
  });
});

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
