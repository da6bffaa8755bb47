import { Op, type Transaction } from "sequelize";
import { refusal, refusalIn } from "../../domain/errors.ts";
import { BUILD_KINDS, decidedAgainst } from "../../domain/packages.ts";
import { type Database, inTransaction } from "../database.ts";
import { assertSecondPerson, type Demand } from "./approval.ts";
import { emitGateEvent } from "./events.ts";
import { findChannel } from "./link.ts";
import { addRun, type Asker, auditPackage, holdPackage, tellLine } from "./orders.ts";
import { findStart, orderRebuild } from "./rebuilds.ts";
import { type Package, PackageFinding, PackageRun, PackageStep, PackageVersion } from "./tables.ts";

/**
 * Lets a held version pass: what was found in it is approved for these very bytes, and its build goes on with the step
 * that has found it. What that finds beside it holds the version again. A draft stays one. It is published in the
 * place that it had: a version that was submitted later, and is live meanwhile, stays.
 */
export async function acceptRelease(
  database: Database,
  owner: Package,
  {
    runId,
    version: { id },
    reason,
    ...demand
  }: { runId: string; version: PackageVersion; reason: string } & Demand,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    await assertSecondPerson({ packageId: owner.id, versionId: id }, demand, asker, transaction);
    const version = await PackageVersion.findByPk(id, { transaction, rejectOnEmpty: true });
    const takenBack = version.isYankedByGate && version.state === "ready";
    const refused = version.verdict === "held" ? undefined : decidedAgainst(version);
    if (refused) throw refused;
    const before = { version: version.version, verdict: version.verdict };
    const [released] = await PackageVersion.update(
      { verdict: takenBack ? "clear" : "pending" },
      { where: { id, verdict: "held" }, transaction },
    );
    const findings = await approveFindings(version, { reason, by: asker.actor.name }, transaction);
    if (released === 0 && findings.length === 0) throw notHeld(version);
    if (takenBack) {
      await takeYankBack(owner, { runId, version }, asker, transaction);
    } else {
      const start = await whereItStopped(owner, version, transaction);
      await orderRebuild(owner, { runId, version, kind: "release", ...start }, asker, transaction);
    }
    await emitGateEvent("package.version_released", runId, findings, transaction);
    const after = { version: version.version, verdict: "released", reason, findings, run: runId };
    await auditPackage("packages.version-released", owner, { before, after }, asker, transaction);
  });
}

/** Opens the doors again that the gate has shut; the link shows the version again unless something else came since. */
async function takeYankBack(
  owner: Package,
  { runId, version }: { runId: string; version: PackageVersion },
  asker: Asker,
  transaction: Transaction,
): Promise<void> {
  const { channel, fallbackVersionId } = version;
  const link = await findChannel(owner.id, channel, transaction);
  const shown = link?.liveVersionId;
  const isNext = shown === version.id || (shown !== undefined && shown === fallbackVersionId);
  const open = { yankedAt: null, yankReason: null, fallbackVersionId: null };
  await version.update({ ...open, isYankedByGate: false }, { transaction });
  // Without a number it comes after whatever was published meanwhile, and its run says so.
  const turn = isNext ? "now" : "later";
  const run = { runId, kind: "rollback", version, turn } as const;
  const argument = await addRun(owner, run, asker, transaction);
  await tellLine(owner, { update: "rollBackPackage", id: runId, argument }, asker, transaction);
}

/** The refusal of a decision where there is nothing to decide. */
export function notHeld({ version }: PackageVersion): ReturnType<typeof refusal> {
  const advice = `Version ${version} is not held: there is nothing to decide.`;
  return refusal("packages/version-not-held", advice);
}

/** Approves what was found in a version, in whatever version of the package the same bytes are; answers the names. */
async function approveFindings(
  { id: versionId, packageId }: PackageVersion,
  { reason, by }: { reason: string; by: string },
  transaction: Transaction,
): Promise<string[]> {
  const open = await PackageFinding.findAll({
    where: { versionId, approvedAt: null },
    order: [["foundAt", "ASC"]],
    transaction,
  });
  const approval = { approvedAt: new Date(), approvedBy: by, approvalReason: reason };
  for (const { sha256, name } of open) {
    const where = { packageId, sha256, name, approvedAt: null };
    await PackageFinding.update(approval, { where, transaction });
  }
  return [...new Set(open.map(({ name }) => name))];
}

/** With which step the build goes on that was stopped last, under its number, and out of what if that was no original. */
async function whereItStopped(
  owner: Package,
  version: PackageVersion,
  transaction: Transaction,
): Promise<{ fromStep?: string; input?: string; number?: number }> {
  const run = await PackageRun.findOne({
    where: { versionId: version.id, kind: { [Op.in]: [...BUILD_KINDS] }, state: "quarantined" },
    order: [
      ["createdAt", "DESC"],
      ["id", "DESC"],
    ],
    transaction,
  });
  if (!run) return {};
  const { number } = run;
  // What began with something else begins with it again.
  if (
    run.inputSha256 &&
    (await PackageStep.count({ where: { runId: run.id, state: "reused" }, transaction })) === 0
  ) {
    return { number, input: run.inputSha256, ...(run.fromStep && { fromStep: run.fromStep }) };
  }
  const stopped = await PackageStep.findOne({
    where: { runId: run.id, state: "failed" },
    order: [["position", "DESC"]],
    transaction,
  });
  if (!stopped) return { number };
  try {
    await findStart(owner, version, { fromStep: stopped.name }, transaction);
    return { number, fromStep: stopped.name };
  } catch (error) {
    // What earlier steps left is not kept any more: then they run again.
    if (!refusalIn(error)) throw error;
    return { number };
  }
}
