import { Op, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import { PLATFORM } from "../../domain/accounts.ts";
import { VERDICT_MOVES, VERDICT_STATES } from "../../domain/packages.ts";
import type { Finding, StepState, Verdict } from "../../domain/packages.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { emitGateEvent } from "./events.ts";
import { type Asker, auditPackage, holdPackage } from "./orders.ts";
import { orderYank } from "./publications.ts";
import { notHeld } from "./release.ts";
import {
  Package,
  PackageFinding,
  PackageRun,
  PackageScan,
  PackageStep,
  PackageVersion,
} from "./tables.ts";

/** What was found in which bytes, by whom. */
interface Discovery {
  packageId: string;
  versionId: string;
  runId: string;
  sha256: string;
  scanner: string;
  /** The scanner's signatures, as people know them. */
  signatures: string | null;
  found: Finding[];
}

/** The platform itself, without a request. */
const nobodysAsking = (): Asker => ({ actor: PLATFORM, address: "", requestId: newId() });

/** Moves a version's verdict if what it is now allows, or from `only`; false when it does not. */
async function moveVerdict(
  versionId: string,
  to: Verdict,
  transaction: Transaction,
  only?: Verdict,
): Promise<boolean> {
  const before = VERDICT_STATES.filter((from) => VERDICT_MOVES[from].includes(to));
  const where = { id: versionId, verdict: only ?? { [Op.in]: before } };
  const [moved] = await PackageVersion.update({ verdict: to }, { where, transaction });
  return moved > 0;
}

/**
 * Keeps what was found, each once for the same bytes of a version, and answers all of these rows. What was approved
 * in any version of the package is approved for the same bytes here.
 */
export async function noteFindings(
  { found, ...where }: Discovery,
  transaction: Transaction,
): Promise<PackageFinding[]> {
  const { packageId, versionId, runId, sha256 } = where;
  for (const { name, detail } of found) {
    const same = { versionId, sha256, name };
    const [again] = await PackageFinding.update({ runId }, { where: same, transaction });
    if (again > 0) continue;
    const approved = await PackageFinding.findOne({
      where: { packageId, sha256, name, approvedAt: { [Op.ne]: null } },
      transaction,
    });
    const { approvedAt = null, approvedBy = null, approvalReason = null } = approved ?? {};
    const approval = { approvedAt, approvedBy, approvalReason };
    const row = { ...where, ...same, id: newId(), detail, foundAt: new Date(), ...approval };
    try {
      await PackageFinding.create(row, { transaction });
    } catch (error) {
      // A worker that was thought dead has found it too.
      if (!isTaken(error)) throw error;
    }
  }
  const names = found.map(({ name }) => name);
  return PackageFinding.findAll({ where: { versionId, sha256, name: names }, transaction });
}

/** Notes that bytes of a version were scanned. Twice is harmless. */
export async function noteScan(
  scan: { versionId: string; sha256: string; signatures: string },
  transaction: Transaction,
): Promise<void> {
  if ((await PackageScan.count({ where: scan, transaction })) > 0) return;
  try {
    await PackageScan.create({ ...scan, scannedAt: new Date() }, { transaction });
  } catch (error) {
    if (!isTaken(error)) throw error;
  }
}

/**
 * What is known of the bytes that a run began with and made: whether the package's metadata step has passed them or
 * what they were made of, whether any of them were scanned, in whatever version, and what was found in them in this
 * package that nobody has approved.
 */
export async function standingOf(
  runId: string,
): Promise<{ wasRead: boolean; wasScanned: boolean; open: PackageFinding[] }> {
  const run = await PackageRun.findByPk(runId, { rejectOnEmpty: true });
  const version = await PackageVersion.findByPk(run.versionId, { rejectOnEmpty: true });
  const steps = await PackageStep.findAll({
    where: { runId, state: ["succeeded", "reused"] },
    attributes: ["outputSha256"],
  });
  const outputs = steps.map(({ outputSha256 }) => outputSha256).filter((one) => one !== null);
  const sha256 = [run.inputSha256 ?? version.originalSha256, ...outputs];
  const open = { packageId: run.packageId, sha256, approvedAt: null };
  return {
    wasRead: await wasRead(run, sha256),
    wasScanned: (await PackageScan.count({ where: { sha256 } })) > 0,
    open: await PackageFinding.findAll({ where: open }),
  };
}

/** Whether a run's metadata step has passed, or that of a run of its package that has made one of these bytes. */
async function wasRead({ id, packageId }: PackageRun, sha256: string[]): Promise<boolean> {
  const runs = await PackageRun.findAll({ where: { packageId }, attributes: ["id"] });
  const makers = await PackageStep.findAll({
    where: { runId: runs.map((run) => run.id), outputSha256: sha256 },
    attributes: ["runId"],
  });
  const runId = [id, ...makers.map((step) => step.runId)];
  const state: StepState[] = ["succeeded", "reused"];
  return (await PackageStep.count({ where: { runId, name: "metadata", state } })) > 0;
}

/** The version was looked at to the end. One that is held or rejected stays so. */
export async function clearVersion(versionId: string, transaction: Transaction): Promise<void> {
  await moveVerdict(versionId, "clear", transaction, "pending");
}

/**
 * Holds the version of a run until a person decides, and tells the outside. One that was published stays so when what
 * was found is in other bytes than its own; else it is withdrawn.
 */
export async function quarantineVersion(runId: string, transaction: Transaction): Promise<void> {
  const { versionId } = await PackageRun.findByPk(runId, { transaction, rejectOnEmpty: true });
  const version = await PackageVersion.findByPk(versionId, { transaction, rejectOnEmpty: true });
  const own = [version.originalSha256, version.artefactSha256].filter((one) => one !== null);
  const where = { versionId, sha256: own, approvedAt: null };
  const concerned = (await PackageFinding.count({ where, transaction })) > 0;
  const open = await openFindings(versionId, transaction);
  if (version.verdict === "clear" && version.state === "ready" && concerned) {
    return withdrawVersion(version, { yank: newId(), found: open }, transaction);
  }
  await moveVerdict(versionId, "held", transaction, concerned ? undefined : "pending");
  await emitGateEvent("package.version_quarantined", runId, open, transaction);
}

/**
 * Keeps what was found in what a version shows, and withdraws it unless all of that was approved for the version
 * before. Its link shows the version before it, if there is one that may be shown. Answers what was found; twice
 * withdraws once.
 */
export async function noteHit(
  database: Database,
  { found, ...where }: Discovery,
): Promise<string[]> {
  return inTransaction(database, async (transaction) => {
    const { versionId, runId } = where;
    const version = await PackageVersion.findByPk(versionId, { transaction });
    if (!version) return [];
    const names = found.map(({ name }) => name);
    const known = { versionId, name: names, approvedAt: { [Op.ne]: null } };
    const approved = await PackageFinding.findAll({ where: known, transaction });
    const news = found.filter(({ name }) => !approved.some((one) => one.name === name));
    const rows = await noteFindings({ ...where, found: news }, transaction);
    const open = rows.filter(({ approvedAt }) => !approvedAt).map(({ name }) => name);
    if (open.length === 0 || version.verdict !== "clear") return open;
    await withdrawVersion(version, { yank: runId, found: open }, transaction);
    return open;
  });
}

async function withdrawVersion(
  version: PackageVersion,
  { yank, found }: { yank: string; found: string[] },
  transaction: Transaction,
): Promise<void> {
  const owner = await Package.findByPk(version.packageId, { transaction, rejectOnEmpty: true });
  if (owner.deletedAt || !(await moveVerdict(version.id, "held", transaction))) return;
  const asker = nobodysAsking();
  const reason = `${found.join(", ")} was found after it was published.`;
  const order = {
    runId: yank,
    fallbackRunId: newId(),
    version,
    reason,
    fallback: "if-any",
  } as const;
  const next = version.yankedAt ? undefined : await orderYank(owner, order, asker, transaction);
  if (!version.yankedAt) await version.update({ isYankedByGate: true }, { transaction });
  const runId = version.yankedAt ? await lastRun(version.id, transaction) : yank;
  await emitGateEvent("package.version_quarantined", runId, found, transaction);
  const after = { version: version.version, findings: found, fallback: next?.version ?? null };
  await auditPackage("packages.version-quarantined", owner, { after }, asker, transaction);
}

/** Whether a version may go to its link. Until the transaction ends nobody changes that. */
export async function isThroughGate(versionId: string, transaction: Transaction): Promise<boolean> {
  const version = await PackageVersion.findByPk(versionId, {
    transaction,
    lock: transaction.LOCK.UPDATE,
  });
  return version?.verdict === "clear" && version.yankedAt === null;
}

/** What was found in versions, newest first. */
export function findingsOf(versionIds: string[]): Promise<PackageFinding[]> {
  return PackageFinding.findAll({
    where: { versionId: versionIds },
    order: [
      ["foundAt", "DESC"],
      ["id", "DESC"],
    ],
  });
}

/** Refuses a held version for ever: it is never built, published or fetched again. */
export async function rejectVersion(
  database: Database,
  owner: Package,
  { version, reason }: { version: PackageVersion; reason: string },
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    if (!(await moveVerdict(version.id, "rejected", transaction))) throw notHeld(version);
    await PackageVersion.update(
      { state: "failed" },
      { where: { id: version.id, state: "processing" }, transaction },
    );
    const findings = await openFindings(version.id, transaction);
    const runId = await lastRun(version.id, transaction);
    await emitGateEvent("package.version_rejected", runId, findings, transaction);
    const before = { version: version.version, verdict: "held" };
    const after = { version: version.version, verdict: "rejected", reason, findings };
    await auditPackage("packages.version-rejected", owner, { before, after }, asker, transaction);
  });
}

/** The names of what was found and nobody has approved. */
async function openFindings(versionId: string, transaction: Transaction): Promise<string[]> {
  const rows = await PackageFinding.findAll({
    where: { versionId, approvedAt: null },
    order: [["foundAt", "ASC"]],
    transaction,
  });
  return [...new Set(rows.map(({ name }) => name))];
}

async function lastRun(versionId: string, transaction: Transaction): Promise<string> {
  const run = await PackageRun.findOne({
    where: { versionId },
    order: [["createdAt", "DESC"]],
    transaction,
    rejectOnEmpty: true,
  });
  return run.id;
}
