import { linkPaths, packageKeys, versionPath } from "../../domain/packages.ts";
import { inTransaction } from "../../models/database.ts";
import {
  moveRun,
  Package,
  PackageChannel,
  PackageVersion,
  removePackageRows,
} from "../../models/packages/index.ts";
import { lasting } from "./attempt.ts";
import type { DoorOrder } from "./contract.ts";
import { purgePaths } from "./edge.ts";
import type { PackageTools } from "./tools.ts";

const DELETIONS_AT_ONCE = 16;
const PURGE_MS = 50_000;

/** What follows when doors were shut: nobody may go on getting the bytes from elsewhere. */
export function createDoorActivities({ database, objects, settings }: PackageTools) {
  return {
    /** Twice: purging what is purged does nothing. Failing is no end: it is tried until the edges were told. */
    async purgeDoors(order: DoorOrder): Promise<void> {
      const { runId } = order;
      if (runId) {
        await inTransaction(database, (transaction) =>
          moveRun(runId, "running", { startedAt: new Date() }, transaction),
        );
      }
      await purgePaths(settings, await pathsOf(order), AbortSignal.timeout(PURGE_MS));
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
      await inTransaction(database, (transaction) => removePackageRows(packageId, transaction));
    },
  };
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
