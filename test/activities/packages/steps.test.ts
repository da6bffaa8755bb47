import { writeFileSync } from "node:fs";
import { CancelledFailure } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import { describe, expect, test } from "vitest";
import { packageKeys, STEP_FAILURES, type BuildStep } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import { endStep, PackageVersion, PackageStep } from "../../../models/packages/index.ts";
import {
  openBench,
  accept,
  stepOrder,
  build,
  failureOf,
  logOf,
  SIGNING,
  type FakeTool,
} from "../../support/package-bench.ts";
import { digestOf } from "../../support/packages.ts";

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
      key: packageKeys.step(accepted.packageId, accepted.runId, "harden", 1),
      sha256: digestOf(Buffer.from("hardened bytes")),
    });
    expect(await logOf(accepted.runId)).toMatch(/--- harden\n.*working hard\n/s);
    expect(await PackageStep.findAll()).toMatchObject([
      { name: "harden", state: "succeeded", attempts: 1, exitCode: 0, outputSha256: output.sha256 },
    ]);
  });

  test.each<[string, BuildStep, FakeTool, keyof typeof STEP_FAILURES, RegExp]>([
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

  test("a worker that lacks what another one planned with says what to give it", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);

    const failure = await failureOf(bench.perform("runBuildStep", stepOrder(accepted, "scan")));

    expect(failure.message).toBe(
      "A build worker has no SCAN_SIGNATURES. Give it to every build worker, then retry.",
    );
    expect(bench.runs).toEqual([]);
  });

  test("an input that was damaged in the store is never processed", async () => {
    const bench = await openBench(() => ({}), { scanSignatures: "/signatures" });
    const accepted = await accept(bench);
    await bench.objects.put(accepted.original.key, "other bytes");

    const failure = await failureOf(bench.perform("runBuildStep", stepOrder(accepted, "scan")));

    expect(failure.message).toMatch(/damaged/);
    expect(bench.runs).toEqual([]);
  });

  test("a worker that was thought dead changes neither the output nor the state of a later turn", async () => {
    const bench = await openBench(
      ({ args }) => (writeFileSync(args[1]!, `hardened for the ${bench.runs.length}. time`), {}),
      { hardenCommand: ["protect", "{input}", "{output}"] },
    );
    const accepted = await accept(bench);
    const step = { runId: accepted.runId, name: "harden" } as const;

    const first = await bench.perform("runBuildStep", stepOrder(accepted, "harden"));
    const second = await bench.perform("runBuildStep", stepOrder(accepted, "harden"));
    await inTransaction(bench.database, (transaction) =>
      endStep({ ...step, turn: 1 }, { state: "failed", reason: "late" }, transaction),
    );

    expect(second.key).not.toBe(first.key);
    expect(await bench.objects.head(first.key)).toBeDefined();
    expect(await PackageStep.findAll()).toMatchObject([
      { state: "succeeded", attempts: 2, outputSha256: second.sha256 },
    ]);
  });

  test("a tool that is stopped with its worker is no failure of the step: it begins again elsewhere", async () => {
    const environment = new MockActivityEnvironment();
    const bench = await openBench(
      () => {
        environment.cancel("WORKER_SHUTDOWN");
        return { exitCode: null, signal: "SIGTERM", ended: "cancelled" };
      },
      { hardenCommand: ["protect", "{input}", "{output}"] },
    );
    const accepted = await accept(bench);

    const failure = await failureOf(
      environment.run(() => bench.activities.runBuildStep(stepOrder(accepted, "harden"))),
    );

    expect(failure).toBeInstanceOf(CancelledFailure);
    expect(await PackageStep.findAll()).toMatchObject([{ reason: "stopped before its end" }]);
  });

  test("a secret in a tool's last words is in no reason", async () => {
    const bench = await openBench(
      ({ onLine }) => (onLine?.(`cannot open with ${SIGNING.password}`), { exitCode: 2 }),
      { hardenCommand: ["protect", "{input}", "{output}"] },
    );
    const accepted = await accept(bench);

    const failure = await failureOf(bench.perform("runBuildStep", stepOrder(accepted, "harden")));

    expect(failure.message).toMatch(/exit code 2: cannot open with \*+$/);
    expect(await PackageStep.findAll()).toMatchObject([{ reason: failure.message }]);
  });

  test("the keystore's password reaches the signer by its environment alone, and no log", async () => {
    const bench = await openBench(({ args, env, onLine }) => {
      onLine?.(`password is ${env?.["KEYSTORE_PASSWORD"]}`);
      writeFileSync(args[args.indexOf("--out") + 1]!, "signed");
      return {};
    });
    const accepted = await accept(bench, "1.0.0", undefined, "apk");

    await bench.perform("runBuildStep", stepOrder(accepted, "sign"));

    expect(JSON.stringify(bench.runs.map(({ args }) => args))).not.toContain(SIGNING.password);
    expect(bench.runs).toMatchObject([
      { env: { KEYSTORE_PASSWORD: SIGNING.password }, readable: [SIGNING.keystore] },
    ]);
    expect(await logOf(accepted.runId)).not.toContain(SIGNING.password);
  });

  test("a check hands on its input, and keeps the facts that it has seen", async () => {
    const bench = await openBench(({ onLine }) => {
      onLine?.(`Signer #1 certificate SHA-256 digest: ${"ab".repeat(32)}`);
      return {};
    });
    const accepted = await accept(bench, "1.0.0", undefined, "apk");

    const output = await bench.perform("runBuildStep", stepOrder(accepted, "verify"));

    expect(output).toEqual(accepted.original);
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
