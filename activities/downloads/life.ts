import { downloadKey, expiryAfter } from "../../domain/downloads.ts";
import type { Failure } from "../../domain/downloads/failures.ts";
import { gatesTo } from "../../domain/gates.ts";
import { findHold } from "../../models/billing/index.ts";
import {
  beginAttempt,
  changeDownload,
  Download,
  endAttempt,
  moveDownload,
  noteWait,
} from "../../models/downloads/index.ts";
import type { DownloadRef, StoredMedia, TakenUp } from "./contract.ts";
import type { DownloadTools } from "./tools.ts";

/** A try that came to nothing before anybody was asked for media. */
type FailedTry = DownloadRef & { attempt: number; failure: Failure };

/** How a download comes from state to state. The row is truth for everybody who looks. */
export function createLifeActivities(tools: DownloadTools) {
  const { database, objects, bus, downloadSettings: settings } = tools;

  const announce = async (row: Download | undefined) => {
    if (!row) return;
    const { id: downloadId, accountId, state, version } = row;
    await bus.announce({
      type: "download.changed",
      data: { accountId, downloadId, state, version },
    });
  };

  return {
    /** Twice: what was taken up is working already. */
    async takeUpDownload({ downloadId }: DownloadRef): Promise<TakenUp | null> {
      const queued = await Download.findByPk(downloadId);
      if (!queued) return null;
      if (queued.state === "queued" && !queued.deletedAt) {
        const move = { from: ["queued"], to: "working" } as const;
        const startedAt = queued.startedAt ?? new Date();
        await announce(await moveDownload(database, downloadId, move, { startedAt }));
      }
      const row = await Download.findByPk(downloadId, { rejectOnEmpty: true });
      const { quickTtlSeconds, retryPausesSeconds, isCharged, maxBytes } = settings;
      return {
        accountId: row.accountId,
        state: row.state,
        isRemoved: row.deletedAt !== null,
        attempts: row.attempts,
        ttlSeconds: row.mode === "archive" ? null : quickTtlSeconds,
        expireAt: row.expireAt?.getTime() ?? null,
        retryPausesSeconds,
        isCharged,
        maxBytes,
        way: { gates: gatesTo(new URL(row.url).hostname, row.platform), platform: row.platform },
      };
    },

    /** Twice: the same wait is noted again. */
    async noteWaiting(
      order: DownloadRef & { waitingFor: "gate" | "proxy" | "disk"; nextTryAt: number },
    ): Promise<void> {
      const { downloadId, waitingFor, nextTryAt } = order;
      await announce(await noteWait(database, downloadId, waitingFor, new Date(nextTryAt)));
    },

    /** Twice: the same try is noted again. */
    async noteFailedTry({ downloadId, attempt, failure }: FailedTry): Promise<void> {
      const number = { downloadId, number: attempt };
      await beginAttempt(database, number, null);
      await endAttempt(database, number, failure);
    },

    /** Twice: the same wait is noted again. */
    async noteNextTry(order: DownloadRef & { failure: Failure; nextTryAt: number }): Promise<void> {
      const { downloadId, failure, nextTryAt } = order;
      await changeDownload(database, downloadId, "working", {
        errorCode: failure.code,
        error: failure.message,
        progress: null,
      });
      await announce(await noteWait(database, downloadId, "retry", new Date(nextTryAt)));
    },

    /** Twice: that nothing is waited for any more is noted again. */
    async noteGoingOn({ downloadId }: DownloadRef): Promise<void> {
      await announce(await noteWait(database, downloadId, null, null));
    },

    /** Twice: what is ready stays as it is, with the end that it was given first. */
    async finishDownload(
      order: DownloadRef & { media: StoredMedia; ttlSeconds: number | null; holdId: string | null },
    ): Promise<{ expireAt: number | null }> {
      const { downloadId, media, ttlSeconds, holdId } = order;
      const to = ttlSeconds === null ? "kept" : "ready";
      const expireAt = ttlSeconds === null ? null : new Date(expiryAfter(Date.now(), ttlSeconds));
      const settled = { waitingFor: null, nextTryAt: null, errorCode: null, error: null } as const;
      // Whoever fetches the file later pays by the prices of its order.
      const priceVersion = holdId === null ? null : (await findHold(holdId)).priceVersion;
      const row = await moveDownload(
        database,
        downloadId,
        { from: ["working"], to },
        {
          ...media,
          ...settled,
          holdId,
          priceVersion,
          progress: null,
          completedAt: new Date(),
          expireAt,
        },
      );
      await announce(row);
      return { expireAt: row?.expireAt?.getTime() ?? null };
    },

    /** Twice: what has failed stays as it is. Nothing of it is left in the store. */
    async failDownload({
      downloadId,
      failure,
    }: DownloadRef & { failure: Pick<Failure, "code" | "message"> }): Promise<void> {
      const row = await Download.findByPk(downloadId, { rejectOnEmpty: true });
      if (row.state === "queued" || row.state === "working") await objects.delete(downloadKey(row));
      const move = { from: ["queued", "working"], to: "failed" } as const;
      const change = {
        errorCode: failure.code,
        error: failure.message.slice(0, 500),
        waitingFor: null,
        nextTryAt: null,
        progress: null,
        completedAt: new Date(),
      };
      await announce(await moveDownload(database, downloadId, move, change));
    },

    /** Twice: the same end is written again. */
    async moveExpiry({ downloadId, expireAt }: DownloadRef & { expireAt: number }): Promise<void> {
      const change = { expireAt: new Date(expireAt) };
      await announce(await changeDownload(database, downloadId, "ready", change));
    },

    /**
     * Twice: what lies where archives lie stays there. The file is under its new key before the row says so, and under
     * the old one until then.
     */
    async keepForEver({ downloadId }: DownloadRef): Promise<void> {
      const row = await Download.findByPk(downloadId, { rejectOnEmpty: true });
      const objectKey = downloadKey({ ...row.get(), mode: "archive" });
      const from = row.objectKey;
      if (row.state === "ready" && from && from !== objectKey) await objects.copy(from, objectKey);
      const move = { from: ["ready"], to: "kept" } as const;
      const kept = await moveDownload(database, downloadId, move, { objectKey, expireAt: null });
      if (kept) await objects.delete(downloadKey({ ...row.get(), mode: "quick_download" }));
      await announce(kept);
    },

    /** Twice: what is gone is gone, and has expired. */
    async expireDownload({ downloadId }: DownloadRef): Promise<void> {
      const row = await Download.findByPk(downloadId, { rejectOnEmpty: true });
      if (row.state === "ready" && row.objectKey) await objects.delete(row.objectKey);
      const move = { from: ["ready"], to: "expired" } as const;
      await announce(await moveDownload(database, downloadId, move, { objectKey: null }));
    },

    /** Twice: what is gone is gone. */
    async removeFile({ downloadId }: DownloadRef): Promise<void> {
      const row = await Download.findByPk(downloadId);
      if (!row) return;
      for (const mode of ["quick_download", "archive"] as const) {
        await objects.delete(downloadKey({ ...row.get(), mode }));
      }
      await changeDownload(database, downloadId, row.state, { objectKey: null });
    },
  };
}
