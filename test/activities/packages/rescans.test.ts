import { expect, test } from "vitest";
import { inTransaction } from "../../../models/database.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import {
  acceptRelease,
  acceptRescan,
  findChannel,
  noteScan,
  Package,
  PackageFinding,
  PackageRun,
  PackageScan,
  PackageVersion,
  recordLiveVersion,
} from "../../../models/packages/index.ts";
import { WebhookDelivery } from "../../../models/webhooks/index.ts";
import {
  accept,
  type Accepted,
  build,
  failureOf,
  openBench,
  SIGNATURES,
  stepOrder,
} from "../../support/package-bench.ts";
import { makeWebhook } from "../../support/webhooks.ts";

const NEWER = { digest: "6".repeat(64), names: "newer.ndb" };
const LIST = { limit: 10, after: [] };

/** A version that is live, of a platform whose scanner then gets other signatures. */
async function openLive() {
  let infected = false;
  let signatures = SIGNATURES;
  const bench = await openBench(
    ({ onLine }) => {
      if (!infected) return {};
      onLine?.("input.zip: Eicar-Test FOUND");
      return { exitCode: 1 };
    },
    { scanSignatures: "/signatures" },
    undefined,
    { readSignatures: async () => signatures },
  );
  const accepted = await accept(bench);
  await bench.perform("runBuildStep", stepOrder(accepted, "scan"));
  await build(bench, accepted);
  await publish(bench, accepted);
  const learn = () => {
    infected = true;
    signatures = NEWER;
  };
  return { bench, accepted, learn };
}

type Bench = Awaited<ReturnType<typeof openBench>>;

async function publish({ database }: Bench, { packageId, versionId, runId }: Accepted) {
  await inTransaction(database, async (transaction) => {
    await recordLiveVersion(packageId, "stable", { number: 1, versionId }, transaction);
    const done = { state: "succeeded", endedAt: new Date() } as const;
    await PackageRun.update(done, { where: { id: runId }, transaction });
  });
}

const versionOf = ({ versionId }: Accepted) =>
  PackageVersion.findByPk(versionId, { rejectOnEmpty: true });

test("what these signatures have seen is not scanned again, whatever else is published", async () => {
  const { bench, accepted, learn } = await openLive();
  const before = await bench.perform("findRescans", LIST);

  learn();
  const after = await bench.perform("findRescans", LIST);
  const skipped = await bench.perform("findRescans", { ...LIST, after: [accepted.versionId] });

  expect(before).toEqual([]);
  expect(after).toMatchObject([{ versionId: accepted.versionId, type: "zip" }]);
  expect(skipped).toEqual([]);
});

test("what could be scanned in part alone is scanned again", async () => {
  const { bench, accepted, learn } = await openLive();
  const lost = {
    firstArtefactKey: "lost",
    firstArtefactBytes: 4,
    firstArtefactSha256: "1".repeat(64),
  };
  await PackageVersion.update(lost, { where: { id: accepted.versionId } });
  learn();

  await failureOf(bench.perform("rescanVersion", accepted));

  expect(await bench.perform("findRescans", LIST)).toHaveLength(1);
});

test("a hit withdraws the version at once, holds it, and tells audit and webhooks, once", async () => {
  const { bench, accepted, learn } = await openLive();
  await makeWebhook(bench.database, { events: ["package.version_quarantined"] });
  learn();

  const hits = await bench.perform("rescanVersion", accepted);
  await bench.perform("rescanVersion", accepted);

  expect(hits).toEqual(["Eicar-Test"]);
  const version = await versionOf(accepted);
  expect(version).toMatchObject({ verdict: "held", isYankedByGate: true });
  expect(version.yankedAt).toBeInstanceOf(Date);
  expect(await PackageFinding.findAll()).toMatchObject([
    { name: "Eicar-Test", signatures: "newer.ndb" },
  ]);
  expect(await PackageRun.count({ where: { kind: "yank" } })).toBe(1);
  expect(
    await AuditEntry.findAll({ where: { action: "packages.version-quarantined" } }),
  ).toMatchObject([{ actorName: "longhaul", after: { findings: ["Eicar-Test"], fallback: null } }]);
  const told = (await WebhookDelivery.findAll()).map(({ body }) => JSON.parse(body) as unknown);
  expect(told).toMatchObject([{ data: { version: "1.0.0", findings: ["Eicar-Test"] } }]);
  expect(await bench.perform("findRescans", LIST)).toEqual([]);
});

test("a hit lets the link show the version before it, which was not hit", async () => {
  const { bench, accepted, learn } = await openLive();
  const older = await accept(bench, "0.9.0");
  await inTransaction(bench.database, async (transaction) => {
    const shown = { packageId: accepted.packageId };
    await PackageVersion.update(shown, { where: { id: older.versionId }, transaction });
    const done = { ...shown, state: "succeeded", number: 1, endedAt: new Date() } as const;
    await PackageRun.update(done, { where: { id: older.runId }, transaction });
  });
  await clearByHand(bench, older);
  learn();

  await bench.perform("rescanVersion", accepted);

  expect(await versionOf(accepted)).toMatchObject({ fallbackVersionId: older.versionId });
  expect(await PackageRun.findOne({ where: { kind: "rollback" } })).toMatchObject({
    versionId: older.versionId,
  });
});

test("what was approved for the version is no hit in what was built of it", async () => {
  const { bench, accepted, learn } = await openLive();
  learn();
  await bench.perform("rescanVersion", accepted);
  const owner = await Package.findByPk(accepted.packageId, { rejectOnEmpty: true });
  const version = await versionOf(accepted);
  const release = { runId: crypto.randomUUID(), version, reason: "a false alarm" };

  await acceptRelease(bench.database, owner, release, accepted.asker);
  const hits = await bench.perform("rescanVersion", accepted);

  expect(hits).toEqual([]);
  expect(await versionOf(accepted)).toMatchObject({
    verdict: "clear",
    yankedAt: null,
    isYankedByGate: false,
  });
  expect((await OutboxEntry.findByPk(release.runId))?.command).toMatchObject({
    update: "rollBackPackage",
    argument: { versionId: accepted.versionId, number: 2 },
  });
});

test("a scanner that is broken withdraws nothing, and nothing says that it has scanned", async () => {
  const bench = await openBench(() => ({ exitCode: 2 }), { scanSignatures: "/signatures" });
  const accepted = await accept(bench);
  await build(bench, accepted).catch(() => {});
  await clearByHand(bench, accepted);

  await expect(bench.perform("rescanVersion", accepted)).rejects.toThrow(/clamscan ended/);

  expect(await PackageScan.count({ where: { signatures: SIGNATURES.digest } })).toBe(0);
  expect(await versionOf(accepted)).toMatchObject({ verdict: "clear", yankedAt: null });
});

test("an ordered scan is audited, and starts a workflow of its own", async () => {
  const { bench, accepted } = await openLive();
  const owner = await Package.findByPk(accepted.packageId, { rejectOnEmpty: true });

  await acceptRescan(bench.database, owner, await versionOf(accepted), accepted.asker);

  expect(await OutboxEntry.findByPk("r")).toMatchObject({
    workflow: "packageRescan",
    input: [accepted.versionId],
    command: null,
  });
  expect(await findChannel(owner.id, "stable")).toMatchObject({ liveNumber: 1 });
});

/** Does by hand what the build does: the version's bytes are kept, and the gate lets them pass. */
async function clearByHand({ database }: Bench, { versionId, original }: Accepted) {
  const { key, bytes, sha256 } = original;
  await inTransaction(database, async (transaction) => {
    await noteScan({ versionId, sha256, signatures: "0".repeat(64) }, transaction);
    const artefact = { artefactKey: key, artefactBytes: bytes, artefactSha256: sha256 };
    const clear = { ...artefact, state: "ready", verdict: "clear" } as const;
    await PackageVersion.update(clear, { where: { id: versionId }, transaction });
  });
}
