import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../domain/limits.ts";
import { STEP_FAILURES } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import {
  findChannel,
  Package,
  PackageFinding,
  PackageRun,
  PackageScan,
  PackageVersion,
  rejectVersion,
} from "../../../models/packages/index.ts";
import { WebhookDelivery } from "../../../models/webhooks/index.ts";
import {
  accept,
  type Accepted,
  build,
  failureOf,
  type FakeTool,
  logOf,
  openBench,
  SIGNATURES,
  stepOrder,
} from "../../support/package-bench.ts";
import { makeWebhook } from "../../support/webhooks.ts";

const SCANNED = { scanSignatures: "/signatures" };
const EICAR: FakeTool = ({ onLine }) => {
  onLine?.("input.zip: Eicar-Test FOUND");
  onLine?.("input.zip: Eicar-Test FOUND");
  onLine?.("input.zip: Heuristics.Encrypted.Zip FOUND");
  return { exitCode: 1 };
};
const quarantined = ({ packageId, runId }: Accepted) =>
  ({ packageId, runId, state: "quarantined", reason: "found something" }) as const;
const versionOf = ({ versionId }: Accepted) =>
  PackageVersion.findByPk(versionId, { rejectOnEmpty: true });

describe("what the scan finds", () => {
  test("is kept once, with the scanner's signatures and the digest of the bytes", async () => {
    const bench = await openBench(EICAR, SCANNED);
    const accepted = await accept(bench);

    const failure = await failureOf(bench.perform("runBuildStep", stepOrder(accepted, "scan")));
    await failureOf(bench.perform("runBuildStep", stepOrder(accepted, "scan")));

    expect(failure).toMatchObject({
      type: STEP_FAILURES.finding,
      nonRetryable: true,
      message: "The malware scan found Eicar-Test, encrypted.",
    });
    const { sha256 } = accepted.original;
    const found = { sha256, signatures: SIGNATURES.names, approvedAt: null };
    expect(await PackageFinding.findAll({ order: ["name"] })).toMatchObject([
      { name: "Eicar-Test", ...found },
      { name: "encrypted", ...found },
    ]);
    expect(await PackageScan.findAll()).toMatchObject([{ sha256, signatures: SIGNATURES.digest }]);
  });

  test("that a person has approved for these very bytes lets the step go on, and the log says who", async () => {
    const bench = await openBench(EICAR, SCANNED);
    const accepted = await accept(bench);
    await failureOf(bench.perform("runBuildStep", stepOrder(accepted, "scan")));
    await approve(bench);

    const output = await bench.perform("runBuildStep", stepOrder(accepted, "scan"));

    expect(output).toEqual(accepted.original);
    expect(await logOf(accepted.runId)).toMatch(
      /found Eicar-Test .*approved by kim.*: a test file/,
    );
  });

  test("in other bytes, or beside what was approved, is not approved", async () => {
    const bench = await openBench(EICAR, SCANNED);
    const first = await accept(bench);
    await failureOf(bench.perform("runBuildStep", stepOrder(first, "scan")));
    await approve(bench, "Eicar-Test");

    const beside = await failureOf(bench.perform("runBuildStep", stepOrder(first, "scan")));
    const second = await accept(bench, "2.0.0");
    const other = await failureOf(bench.perform("runBuildStep", stepOrder(second, "scan")));

    expect(beside.message).toBe("The malware scan found encrypted.");
    expect(other.message).toBe("The malware scan found Eicar-Test, encrypted.");
  });

  test("without a name is no finding but a broken scanner", async () => {
    const bench = await openBench(() => ({ exitCode: 1 }), SCANNED);
    const accepted = await accept(bench);

    const failure = await failureOf(bench.perform("runBuildStep", stepOrder(accepted, "scan")));

    expect(failure.type).toBe(STEP_FAILURES.broken);
  });

  test("of a file that no scanner takes is that it is oversize, and the scanner is not asked", async () => {
    const bench = await openBench(() => ({}), SCANNED);
    const accepted = await accept(bench);
    const order = stepOrder(accepted, "scan");
    const input = { ...order.input, bytes: LIMITS.scannedFileBytes + 1 };

    const failure = await failureOf(bench.perform("runBuildStep", { ...order, input }));

    expect(failure.message).toBe("The malware scan found oversize.");
    expect(bench.runs).toEqual([]);
  });
});

describe("a quarantined run", () => {
  test("holds its version, and tells webhooks what was found, once", async () => {
    const bench = await openBench(EICAR, SCANNED);
    await makeWebhook(bench.database, { events: ["package.version_quarantined"] });
    const accepted = await accept(bench);
    await bench.perform("beginBuild", accepted.order);
    await failureOf(bench.perform("runBuildStep", stepOrder(accepted, "scan")));

    await bench.perform("endRun", quarantined(accepted));
    await bench.perform("endRun", quarantined(accepted));

    expect(await PackageRun.findByPk(accepted.runId)).toMatchObject({ state: "quarantined" });
    expect(await versionOf(accepted)).toMatchObject({ verdict: "held" });
    const told = (await WebhookDelivery.findAll()).map(({ body }) => JSON.parse(body) as unknown);
    expect(told).toMatchObject([
      { data: { version: "1.0.0", findings: ["Eicar-Test", "encrypted"] } },
    ]);
  });

  test("leaves its version to be rejected for ever", async () => {
    const bench = await openBench(EICAR, SCANNED);
    const accepted = await accept(bench);
    await bench.perform("beginBuild", accepted.order);
    await bench.perform("endRun", quarantined(accepted));
    const owner = await Package.findByPk(accepted.packageId, { rejectOnEmpty: true });
    const version = await versionOf(accepted);

    const { database } = bench;
    await rejectVersion(database, owner, { version, reason: "malware" }, accepted.asker);
    await bench.perform("endRun", quarantined(accepted));

    expect(await versionOf(accepted)).toMatchObject({ verdict: "rejected", state: "failed" });
    await expect(
      rejectVersion(database, owner, { version, reason: "again" }, accepted.asker),
    ).rejects.toMatchObject({ type: "packages/version-not-held" });
  });
});

describe("the gate", () => {
  test("lets pass what was built to the end", async () => {
    const bench = await openBench(() => ({}), SCANNED);
    const accepted = await accept(bench);
    const before = (await versionOf(accepted)).verdict;
    await bench.perform("runBuildStep", stepOrder(accepted, "scan"));

    await build(bench, accepted);

    expect(before).toBe("pending");
    expect(await versionOf(accepted)).toMatchObject({ verdict: "clear", state: "ready" });
    expect(await bench.perform("openPublication", accepted.order)).not.toBeNull();
  });

  test("holds what no step has scanned where a scan is configured, whatever the steps were", async () => {
    const bench = await openBench(() => ({}), SCANNED);
    const accepted = await accept(bench);
    await bench.perform("beginBuild", accepted.order);

    const order = stepOrder(accepted, "checksums");
    const failure = await failureOf(bench.perform("runBuildStep", order));

    expect(failure).toMatchObject({
      type: STEP_FAILURES.finding,
      message: "The gate found not-scanned.",
    });
    expect(await versionOf(accepted)).toMatchObject({ verdict: "pending", state: "processing" });
  });

  test("asks of a rebuild what is known of the bytes that it begins with, wherever it begins", async () => {
    const bench = await openBench(EICAR, SCANNED);
    const clean = await accept(bench);
    const infected = await accept(bench, "2.0.0");
    await failureOf(bench.perform("runBuildStep", stepOrder(infected, "scan")));
    const { key: inputKey, bytes: inputBytes, sha256: inputSha256 } = infected.original;
    await inTransaction(bench.database, async (transaction) => {
      const { packageId } = clean;
      await PackageFinding.update({ packageId }, { where: {}, transaction });
      const fields = { inputKey, inputBytes, inputSha256 };
      await PackageRun.update(fields, { where: { id: clean.runId }, transaction });
    });

    const order = { ...stepOrder(clean, "checksums"), input: infected.original };
    const failure = await failureOf(bench.perform("runBuildStep", order));

    expect(failure.message).toBe("The gate found Eicar-Test, encrypted.");
  });

  test.each(["pending", "held", "rejected"] as const)(
    "keeps a version that is %s from the link, whoever asks",
    async (verdict) => {
      const bench = await openBench();
      const accepted = await accept(bench);
      await build(bench, accepted);
      await inTransaction(bench.database, (transaction) =>
        PackageVersion.update({ verdict }, { where: {}, transaction }),
      );

      const plan = await bench.perform("openPublication", accepted.order);

      expect(plan).toBeNull();
      expect(await PackageRun.findByPk(accepted.runId)).toMatchObject({ state: "cancelled" });
      expect(await findChannel(accepted.packageId, "stable")).toMatchObject({
        publishingNumber: 0,
        liveVersionId: null,
      });
    },
  );

  test("keeps a version that is held while it is being published from being switched to", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);
    await build(bench, accepted);
    const plan = (await bench.perform("openPublication", accepted.order))!;
    await inTransaction(bench.database, (transaction) =>
      PackageVersion.update({ verdict: "held" }, { where: {}, transaction }),
    );

    const failure = await failureOf(bench.perform("switchLink", { ...accepted.order, plan }));

    expect(failure.type).toBe(STEP_FAILURES.content);
  });
});

async function approve(
  { database }: Awaited<ReturnType<typeof openBench>>,
  name?: string,
): Promise<void> {
  const approval = { approvedAt: new Date(), approvedBy: "kim", approvalReason: "a test file" };
  await inTransaction(database, (transaction) =>
    PackageFinding.update(approval, { where: name ? { name } : {}, transaction }),
  );
}
