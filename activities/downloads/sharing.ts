import { gatesTo } from "../../domain/gates.ts";
import {
  Download,
  endMedia,
  forgetMedia,
  joinMedia,
  leaveMedia,
  SharedMedia,
  triesEnded,
  waitersOf,
} from "../../models/downloads/index.ts";
import type {
  DownloadRef,
  MediaEnd,
  MediaRef,
  Shared,
  SharedOrder,
  StoredMedia,
  WayOut,
} from "./contract.ts";
import type { DownloadTools } from "./tools.ts";

/** How what several downloads want is fetched once. It is there for as long as one of them wants it. */
export function createSharingActivities(tools: DownloadTools) {
  const { database, objects, downloadSettings: settings } = tools;

  return {
    /** Twice: who has joined is told where it stands by now. */
    async joinSharedMedia(order: DownloadRef & { wishHash: string }): Promise<Shared> {
      const media = await joinMedia(database, order.downloadId, order.wishHash);
      const end = endOf(media);
      return { mediaId: media.id, wishHash: media.wishHash, ...(end && { end }) };
    },

    /** Twice: nothing is changed. Null when there is nothing to fetch. */
    async takeUpMedia({ mediaId }: MediaRef): Promise<SharedOrder | null> {
      const media = await SharedMedia.findByPk(mediaId);
      if (media?.state !== "fetching") return null;
      const row = await Download.findByPk(media.downloadId, { rejectOnEmpty: true });
      const attempts = await triesEnded(mediaId);
      return { attempts, retryPausesSeconds: settings.retryPausesSeconds, way: wayOf(row) };
    },

    /** Twice: what has ended stays so. Answers the downloads that wait for it; what nobody wants is gone. */
    async endSharedMedia({ mediaId, end }: MediaRef & { end: MediaEnd }): Promise<string[]> {
      if (await endMedia(database, mediaId, end)) {
        return (await waitersOf({ mediaId })).map(({ id }) => id);
      }
      const media = await SharedMedia.findByPk(mediaId);
      if (!media) return [];
      await objects.delete(media.objectKey);
      await forgetMedia(database, mediaId);
      return [];
    },
  };
}

/** What a download passes on its way to its source. */
export function wayOf({ url, platform }: Download): WayOut {
  return { gates: gatesTo(new URL(url).hostname, platform), platform };
}

/**
 * A download wants no longer what it shares, if it does: what nobody wants is removed, or, when it is on its way, named
 * for the workflow to end it. Twice is harmless.
 */
export async function leaveShared(
  { database, objects }: Pick<DownloadTools, "database" | "objects">,
  downloadId: string,
): Promise<Shared | undefined> {
  const media = await leaveMedia(database, downloadId);
  if (!media) return undefined;
  if (media.state === "fetching") return { mediaId: media.id, wishHash: media.wishHash };
  await objects.delete(media.objectKey);
  await forgetMedia(database, media.id);
  return undefined;
}

function endOf(row: SharedMedia): MediaEnd | undefined {
  const { state, failure, objectKey, fileName, bytes, md5, sha256 } = row;
  if (state === "fetching") return undefined;
  if (state === "failed") return { failure: failure! };
  return { media: { objectKey, fileName, bytes, md5, sha256 } as StoredMedia };
}
