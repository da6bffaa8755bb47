import { Context } from "@temporalio/activity";
import { workflowId } from "../../domain/ids.ts";
import { linkPaths, packageKeys, versionPath } from "../../domain/packages.ts";
import { inTransaction } from "../../models/database.ts";
import {
  appendLog,
  moveRun,
  noteTrouble,
  Package,
  PackageChannel,
  PackageVersion,
  removePackageRows,
} from "../../models/packages/index.ts";
import { lasting, stepFailureIn } from "./attempt.ts";
import type { DoorOrder } from "./contract.ts";
import { purgeAudited } from "./purging.ts";
import type { PackageTools } from "./tools.ts";

const DELETIONS_AT_ONCE = 16;

/** What follows when doors were shut: nobody may go on getting the bytes from elsewhere. */
export function createDoorActivities(tools: PackageTools) {
  const { database, objects, edge, redact, schedules, settings } = tools;

  return {
    /**
     * Twice: purging what is purged does nothing. Failing is no end: it is tried until the edges were told, and the
     * run, or the audit where there is none, says why they were not yet.
     */
    async purgeDoors(order: DoorOrder): Promise<void> {
      const { runId } = order;
      if (runId) {
        await inTransaction(database, (transaction) =>
          moveRun(runId, "running", { startedAt: new Date() }, transaction),
        );
      }
      return lasting(async (signal) => {
        const urls = (await pathsOf(order)).map((path) => settings.publicUrl + path);
        if (!runId) return purgeAudited(tools, order.packageId, { urls, signal });
        try {
          await edge.purge(urls, { signal });
        } catch (error) {
          if (!signal.aborted) await tellTrouble(runId, error);
          throw error;
        }
      });
    },

    /** Twice: what is gone is not found again. Rows go last, so that what is left after a crash is found. */
    async removePackageObjects({ packageId }: DoorOrder): Promise<void> {
      return lasting(async (signal) => {
        const folder = packageKeys.folder(packageId);
        await objects.discardUnfinished(folder);
        let batch: Promise<void>[] = [];
        for await (const { key } of objects.list(folder)) {
          signal.throwIfAborted();
          batch.push(objects.delete(key));
          if (batch.length < DELETIONS_AT_ONCE) continue;
          await Promise.all(batch);
          batch = [];
        }
        await Promise.all(batch);
      });
    },

    /** Twice: there is nothing left to remove. */
    async forgetPackage({ packageId }: DoorOrder): Promise<void> {
      await schedules.remove(workflowId("package", packageId, "tick"));
      await inTransaction(database, (transaction) => removePackageRows(packageId, transaction));
    },
  };

  /** The row says what stands in the way now; the log says it ever more rarely. */
  async function tellTrouble(runId: string, error: unknown): Promise<void> {
    const { attempt } = Context.current().info;
    const reason = `Edges may still show it: ${stepFailureIn(error, redact).message}`;
    await inTransaction(database, async (transaction) => {
      await noteTrouble(runId, reason, transaction);
      if (!Number.isInteger(Math.log2(attempt))) return;
      const line = `--- purge, try ${attempt}\n${reason} It is tried until they hear.\n`;
      await appendLog(runId, line, transaction);
    });
  }
}

/** Every path of these doors: of links, and of versions that were ever to be had. */
async function pathsOf({ packageId, versionId }: DoorOrder): Promise<string[]> {
  const owner = await Package.findByPk(packageId);
  if (!owner) return [];
  const serial = String(owner.serial);
  const versions = await PackageVersion.findAll({
    where: { packageId, ...(versionId && { id: versionId }) },
  });
  const touched = new Set(versions.map(({ channel }) => channel));
  const channels = await PackageChannel.findAll({ where: { packageId } });
  return [
    ...channels
      .filter(({ name }) => touched.has(name))
      .flatMap(({ name }) => linkPaths(serial, name, owner.type)),
    ...versions
      .filter(({ artefactKey }) => artefactKey !== null)
      .map(({ version, fileName }) => versionPath(serial, version, fileName)),
  ];
}
