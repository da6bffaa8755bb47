import { downloadKey, expiryAfter, isArchived, type Wait } from "../../domain/downloads.ts";
import type { Failure } from "../../domain/downloads/failures.ts";
import { findHold } from "../../models/billing/index.ts";
import {
  beginAttempt,
  changeDownload,
  Download,
  endAttempt,
  moveDownload,
  noteWait,
  waitersOf,
  wishHash,
} from "../../models/downloads/index.ts";
import { hasCookies } from "../../models/proxies/index.ts";
import type { DownloadRef, FetchRef, Shared, StoredMedia, TakenUp } from "./contract.ts";
import { leaveShared, wayOf } from "./sharing.ts";
import type { DownloadTools } from "./tools.ts";

/** A try that came to nothing before anybody was asked for media. */
type FailedTry = FetchRef & { attempt: number; failure: Failure };

/** How a download comes from state to state. The row is truth for everybody who looks. */
export function createLifeActivities(tools: DownloadTools) {
  const { database, objects, downloadSettings: settings } = tools;

  const leave = (downloadId: string) => leaveShared(tools, downloadId);

  const noteForAll = async (of: FetchRef, waitingFor: Wait | null, until: Date | null) => {
    for (const { id } of await waitersOf(of)) {
      await noteWait(database, id, waitingFor, until);
    }
  };

  return {
    /** Twice: what was taken up is working already. */
    async takeUpDownload({ downloadId }: DownloadRef): Promise<TakenUp | null> {
      const queued = await Download.findByPk(downloadId);
      if (!queued) return null;
      if (queued.state === "queued" && !queued.deletedAt) {
        const move = { from: ["queued"], to: "working" } as const;
        const startedAt = queued.startedAt ?? new Date();
        await moveDownload(database, downloadId, move, { startedAt });
      }
      const row = await Download.findByPk(downloadId, { rejectOnEmpty: true });
      const { quickTtlSeconds, retryPausesSeconds, isCharged, maxBytes } = settings;
      // What somebody may be shown who is known there is fetched for them alone.
      const isOpen = !(await hasCookies(row.platform));
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
        way: wayOf(row),
        life: row.lives,
        ...(isOpen && { wishHash: wishHash(row) }),
        ...(row.parentId && { parentId: row.parentId }),
        ...(row.kind === "playlist" && { isListed: row.listedAt !== null }),
      };
    },

    /** Twice: the same wait is noted again. */
    async noteWaiting(
      order: FetchRef & { waitingFor: "gate" | "proxy" | "disk"; nextTryAt: number },
    ): Promise<void> {
      await noteForAll(order, order.waitingFor, new Date(order.nextTryAt));
    },

    /** Twice: the same try is noted again. */
    async noteFailedTry({ attempt, failure, ...of }: FailedTry): Promise<void> {
      const downloadId = "mediaId" in of ? of.mediaId : of.downloadId;
      const number = { downloadId, number: attempt };
      await beginAttempt(database, number, null);
      await endAttempt(database, number, failure);
    },

    /** Twice: the same wait is noted again. */
    async noteNextTry(order: FetchRef & { failure: Failure; nextTryAt: number }): Promise<void> {
      const { failure, nextTryAt } = order;
      const said = { errorCode: failure.code, error: failure.message, progress: null };
      for (const { id } of await waitersOf(order)) {
        await changeDownload(database, id, "working", said);
      }
      await noteForAll(order, "retry", new Date(nextTryAt));
    },

    /** Twice: that nothing is waited for any more is noted again. */
    async noteGoingOn(of: FetchRef): Promise<void> {
      await noteForAll(of, null, null);
    },

    /** Twice: what is ready stays as it is, with the end that it was given first. */
    async finishDownload(
      order: DownloadRef & { media: StoredMedia; ttlSeconds: number | null; holdId: string | null },
    ): Promise<{ expireAt: number | null }> {
      const { downloadId, ttlSeconds, holdId } = order;
      const media = { ...order.media };
      const before = await Download.findByPk(downloadId, { rejectOnEmpty: true });
      const isToMove = before.mode === "archive" && !isArchived(media.objectKey);
      // What others share for a while is kept for ever by one of them.
      if (isToMove && before.state === "working") {
        const own = downloadKey(before);
        await objects.copy(media.objectKey, own);
        media.objectKey = own;
      }
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
      if (isToMove) await leave(downloadId);
      return { expireAt: row?.expireAt?.getTime() ?? null };
    },

    /**
     * Twice: what has failed stays as it is. Nothing of it is left in the store. Answers what is being fetched for nobody
     * now.
     */
    async failDownload({
      downloadId,
      failure,
    }: DownloadRef & { failure: Pick<Failure, "code" | "message"> }): Promise<Shared | null> {
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
      const unwanted = await leave(downloadId);
      await moveDownload(database, downloadId, move, change);
      return unwanted ?? null;
    },

    /** Twice: the same end is written again. */
    async moveExpiry({ downloadId, expireAt }: DownloadRef & { expireAt: number }): Promise<void> {
      const change = { expireAt: new Date(expireAt) };
      await changeDownload(database, downloadId, "ready", change);
    },

    /**
     * Twice: what lies where archives lie stays there. The file is under its new key before the row says so, and under
     * the old one until then.
     */
    async keepForEver({ downloadId }: DownloadRef): Promise<void> {
      const row = await Download.findByPk(downloadId, { rejectOnEmpty: true });
      const objectKey = downloadKey({ ...row.get(), mode: "archive" });
      const from = row.objectKey;
      const isToMove = row.state === "ready" && from !== null && !isArchived(from);
      if (isToMove) await objects.copy(from, objectKey);
      const move = { from: ["ready"], to: "kept" } as const;
      const change = { expireAt: null, ...(isToMove && { objectKey }) };
      const kept = await moveDownload(database, downloadId, move, change);
      if (kept) await objects.delete(downloadKey({ ...row.get(), mode: "quick_download" }));
      if (kept?.objectKey === objectKey) await leave(downloadId);
    },

    /** Twice: what is gone is gone, and has expired. */
    async expireDownload({ downloadId }: DownloadRef): Promise<void> {
      const row = await Download.findByPk(downloadId, { rejectOnEmpty: true });
      if (row.state === "ready") await objects.delete(downloadKey(row));
      await leave(downloadId);
      const move = { from: ["ready"], to: "expired" } as const;
      await moveDownload(database, downloadId, move, { objectKey: null });
    },

    /** Twice: what is gone is gone. */
    async removeFile({ downloadId }: DownloadRef): Promise<void> {
      const row = await Download.findByPk(downloadId);
      if (!row) return;
      for (const mode of ["quick_download", "archive"] as const) {
        await objects.delete(downloadKey({ ...row.get(), mode }));
      }
      await leave(downloadId);
      await changeDownload(database, downloadId, row.state, { objectKey: null });
    },
  };
}
