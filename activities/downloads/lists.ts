import { refusalIn } from "../../domain/errors.ts";
import {
  beginListed,
  cancelDownload,
  countChildren,
  deleteDownload,
  Download,
  endHeldBack,
  moveDownload,
} from "../../models/downloads/index.ts";
import type { DownloadRef, ListStanding } from "./contract.ts";
import type { DownloadTools } from "./tools.ts";

/** What becomes of the media of a list, each of which is a download of its own. */
export function createListActivities(tools: DownloadTools) {
  const { database, bus, reportProgress, downloadSettings: settings } = tools;
  const wakeRelay = () => bus.announce({ type: "outbox.filled", data: {} });

  return {
    /** Twice: what has begun is not begun again. */
    async beginMedia({ downloadId }: DownloadRef): Promise<void> {
      await beginListed(database, downloadId, settings.dailyQuota);
      await wakeRelay();
    },

    /** Twice: the same is told again. */
    async followMedia({ downloadId }: DownloadRef): Promise<ListStanding> {
      const { accountId } = await Download.findByPk(downloadId, { rejectOnEmpty: true });
      const { total, done, failed } = (await countChildren([downloadId])).get(downloadId)!;
      const task = { taskId: downloadId, accountId, kind: "download" } as const;
      const over = done + failed;
      reportProgress({ ...task, phase: "downloading", done: over, total, unit: "files" });
      return { left: total - over, done };
    },

    /** Twice: a list that is done stays so. */
    async finishList({ downloadId }: DownloadRef): Promise<void> {
      const move = { from: ["working"], to: "kept" } as const;
      const settled = { waitingFor: null, nextTryAt: null, errorCode: null, error: null } as const;
      const change = { ...settled, completedAt: new Date() };
      await moveDownload(database, downloadId, move, change);
    },

    /** Twice: who is over, or was told, is left alone. */
    async cancelMedia({ downloadId }: DownloadRef): Promise<void> {
      for (const child of await endHeldBack(database, downloadId)) {
        await cancelDownload(database, child, { actor: null }).catch((error: unknown) => {
          if (refusalIn(error)?.code !== "downloads/not-under-way") throw error;
        });
      }
      await wakeRelay();
    },

    /** Twice: what was taken out of the history is out of it. */
    async removeMedia({ downloadId }: DownloadRef): Promise<void> {
      await endHeldBack(database, downloadId);
      const where = { parentId: downloadId, deletedAt: null };
      for (const child of await Download.findAll({ where })) {
        await deleteDownload(database, child, { actor: null });
      }
      await wakeRelay();
    },
  };
}
