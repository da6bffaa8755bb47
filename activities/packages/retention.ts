import { Op } from "sequelize";
import { packageKeys, versionPath } from "../../domain/packages.ts";
import { inTransaction } from "../../models/database.ts";
import {
  forgetArtefacts,
  Package,
  PackageRun,
  PackageVersion,
  retireVersions,
  type Retirement,
  tellOverdue,
} from "../../models/packages/index.ts";
import { lasting } from "./attempt.ts";
import type { DoorOrder } from "./contract.ts";
import { purgeAudited } from "./purging.ts";
import type { PackageTools } from "./tools.ts";

/** What keeps a package from growing for ever. */
export function createRetentionActivities(tools: PackageTools) {
  const { database, objects, settings } = tools;

  return {
    /** Twice: what was removed is answered again until its objects are gone, and nothing is removed twice. */
    async retireVersions({ packageId }: DoorOrder): Promise<Retirement> {
      return inTransaction(database, (transaction) =>
        retireVersions(packageId, new Date(), transaction),
      );
    },

    /** Twice: what is gone is not found again. Rows forget last, so that what is left after a crash is found. */
    async clearVersions({ packageId, versionIds }: ClearOrder): Promise<void> {
      return lasting(async (signal) => {
        const versions = await PackageVersion.findAll({
          where: { id: versionIds, state: "removed", artefactKey: { [Op.not]: null } },
        });
        const owner = await Package.findByPk(packageId);
        if (!owner || versions.length === 0) return;
        const serial = String(owner.serial);
        const urls = versions.map(
          ({ version, fileName }) => settings.publicUrl + versionPath(serial, version, fileName),
        );
        await purgeAudited(tools, packageId, { urls, signal });
        const ids = versions.map(({ id }) => id);
        const runs = await PackageRun.findAll({ where: { versionId: ids }, attributes: ["id"] });
        const folders = [
          ...versions.map(({ id }) => packageKeys.versionFolder(packageId, id)),
          ...runs.map(({ id }) => packageKeys.runFolder(packageId, id)),
        ];
        for (const folder of folders) {
          await objects.discardUnfinished(folder);
          for await (const { key } of objects.list(folder)) {
            signal.throwIfAborted();
            await objects.delete(key);
          }
        }
        await inTransaction(database, async (transaction) => {
          const where = { id: runs.map(({ id }) => id), clearedAt: null };
          await PackageRun.update({ clearedAt: new Date() }, { where, transaction });
          await forgetArtefacts(ids, transaction);
        });
      });
    },

    /** Twice: a workflow that is told twice looks twice. Answers where to go on; null at the end. */
    async tellOverdue({ after, limit }: { after: string; limit: number }): Promise<string | null> {
      return inTransaction(database, (transaction) =>
        tellOverdue({ after, limit, now: new Date() }, transaction),
      );
    },
  };
}

/** Versions whose doors are shut for ever, and whose objects are to go. */
interface ClearOrder {
  packageId: string;
  versionIds: string[];
}
