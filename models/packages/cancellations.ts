import { Op } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import { isFinal, RUN_STATES } from "../../domain/packages.ts";
import { type Database, inTransaction } from "../database.ts";
import { type Asker, auditPackage, holdPackage, tellLine } from "./orders.ts";
import { type Package, PackageRun, PackageVersion } from "./tables.ts";

const OPEN_STATES = RUN_STATES.filter((state) => !isFinal(state));

/**
 * Accepts that a run is ended, wherever it is; why stands in its row from now on. The second time nothing is left to
 * be done. Refuses a run that has ended otherwise, and one that takes a version back, of which edges must hear.
 */
export async function acceptCancellation(
  database: Database,
  owner: Package,
  { runId, reason, orderId }: { runId: string; reason: string; orderId: string },
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const run = await PackageRun.findByPk(runId, { transaction, rejectOnEmpty: true });
    if (run.kind === "yank") {
      throw refusal(
        "packages/run-not-cancellable",
        "A version is withdrawn for ever, and edges must hear of it. Upload another version.",
      );
    }
    const cancelReason = `Cancelled by ${asker.actor.name}: ${reason}`;
    const [cancelled] = await PackageRun.update(
      { cancelReason },
      { where: { id: runId, cancelReason: null, state: { [Op.in]: OPEN_STATES } }, transaction },
    );
    if (cancelled === 0) {
      if (run.cancelReason && (!isFinal(run.state) || run.state === "cancelled")) return;
      throw refusal("packages/run-ended", `This run is ${run.state} already. Nothing was changed.`);
    }
    const { packageId, versionId, publishAt } = run;
    if (publishAt) {
      const where = { id: versionId, publishAt };
      await PackageVersion.update({ publishAt: null }, { where, transaction });
    }
    const argument = { packageId, runId };
    await tellLine(owner, { update: "cancelRun", id: orderId, argument }, asker, transaction);
    await auditPackage(
      "packages.run-cancelled",
      owner,
      { before: { run: runId, status: run.state }, after: { run: runId, reason } },
      asker,
      transaction,
    );
  });
}
