import { createHash } from "node:crypto";
import { literal, Op, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import { sharedKey } from "../../domain/downloads.ts";
import type { Failure } from "../../domain/downloads/failures.ts";
import { workflowId } from "../../domain/ids.ts";
import { LIMITS } from "../../domain/limits.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { addressHash } from "./parses.ts";
import { Download, DownloadAttempt, SharedMedia } from "./tables.ts";

/** By what a wish is known, whoever has it: sha256 in hex of its address and its format. */
export function wishHash({ url, quality, format, formatId }: Download): string {
  const wish = JSON.stringify([addressHash(url), formatId ?? [quality, format]]);
  return createHash("sha256").update(wish).digest("hex");
}

/**
 * Counts a download among those who want the same: of what is on its way, of what was fetched within the hour, or of
 * what is to be fetched from now on. The same again changes nothing.
 */
export async function joinMedia(
  database: Database,
  downloadId: string,
  hash: string,
): Promise<SharedMedia> {
  for (;;) {
    try {
      return await inTransaction(database, async (transaction) => {
        const lock = transaction.LOCK.UPDATE;
        const row = await Download.findByPk(downloadId, { lock, transaction, rejectOnEmpty: true });
        if (row.isSharing) {
          return SharedMedia.findByPk(row.mediaId!, { transaction, rejectOnEmpty: true });
        }
        const media =
          (await joinOpen(hash, transaction)) ?? (await beginMedia(row, hash, transaction));
        const seen = media.downloadId === row.id ? {} : await seenBy(media, transaction);
        const joined = { mediaId: media.id, isSharing: true, version: literal("version + 1") };
        const where = { id: row.id, state: "working" } as const;
        const [has] = await Download.update({ ...seen, ...joined }, { where, transaction });
        if (has !== 1) throw new Error("this download is over: it wants nothing any more");
        return media;
      });
    } catch (error) {
      // Somebody else was the first: they are joined.
      if (!isTaken(error)) throw error;
    }
  }
}

async function joinOpen(
  openHash: string,
  transaction: Transaction,
): Promise<SharedMedia | undefined> {
  const since = secondsAfter(new Date(), -LIMITS.parseSeconds);
  const isFresh = { [Op.or]: [{ [Op.is]: null }, { [Op.gt]: since }] };
  const [joined] = await SharedMedia.update(
    { wantedBy: literal("wanted_by + 1") },
    { where: { openHash, wantedBy: { [Op.gt]: 0 }, endedAt: isFresh }, transaction },
  );
  if (joined === 1) return SharedMedia.findOne({ where: { openHash }, transaction }) as never;
  // Never what somebody has begun since: that is found taken, and joined.
  const isOver = { [Op.or]: [{ wantedBy: 0 }, { endedAt: { [Op.lte]: since } }] };
  await SharedMedia.update({ openHash: null }, { where: { openHash, ...isOver }, transaction });
  return undefined;
}

async function beginMedia(
  row: Download,
  hash: string,
  transaction: Transaction,
): Promise<SharedMedia> {
  const isNamed = await SharedMedia.findByPk(row.id, { transaction });
  const id = isNamed ? newId() : row.id;
  const objectKey = sharedKey({ ...row.get(), id });
  const wish = { wishHash: hash, openHash: hash, downloadId: row.id };
  return SharedMedia.create({ id, ...wish, wantedBy: 1, objectKey }, { transaction });
}

/** What whoever joins sees at once of what went on before. */
async function seenBy({ id, downloadId }: SharedMedia, transaction: Transaction) {
  const first = await Download.findByPk(downloadId, { transaction, rejectOnEmpty: true });
  const { title, author, thumbnail, durationMs, waitingFor, nextTryAt, errorCode, error } = first;
  const where = { downloadId: id };
  const attempts = Number((await DownloadAttempt.max("number", { where, transaction })) ?? 0);
  const about = { title, author, thumbnail, durationMs, attempts };
  const isUnderWay = first.mediaId === id && first.isSharing && first.state === "working";
  return isUnderWay ? { ...about, waitingFor, nextTryAt, errorCode, error } : about;
}

/** Whose fetch something is about: a download's own, or what several share. */
type FetchRef = { downloadId: string } | { mediaId: string };

/** The downloads that are told how a fetch goes. */
export async function waitersOf(of: FetchRef): Promise<Download[]> {
  if ("mediaId" in of) {
    return Download.findAll({ where: { mediaId: of.mediaId, state: "working", isSharing: true } });
  }
  const row = await Download.findByPk(of.downloadId);
  return row ? [row] : [];
}

/** How a shared fetch has ended. */
type MediaEnd =
  | { media: Pick<Download, "objectKey" | "fileName" | "bytes" | "md5" | "sha256"> }
  | { failure: Failure };

/** Writes down how a fetch has ended that somebody waits for. False when nobody does: then all of it is to go. */
export async function endMedia(database: Database, id: string, end: MediaEnd): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const change =
      "media" in end
        ? ({ ...end.media, state: "stored" } as Partial<SharedMedia>)
        : ({ failure: end.failure, state: "failed", openHash: null } as const);
    await SharedMedia.update(
      { ...change, endedAt: new Date() },
      { where: { id, state: "fetching", wantedBy: { [Op.gt]: 0 } }, transaction },
    );
    return (await SharedMedia.count({ where: { id, wantedBy: { [Op.gt]: 0 } }, transaction })) > 0;
  });
}

/** A download wants it no longer. Answers what nobody wants by now; the same again answers the same until it is forgotten. */
export async function leaveMedia(
  database: Database,
  downloadId: string,
): Promise<SharedMedia | undefined> {
  return inTransaction(database, async (transaction) => {
    const row = await Download.findByPk(downloadId, { transaction });
    if (!row?.mediaId) return undefined;
    const id = row.mediaId;
    const [left] = await Download.update(
      { isSharing: false },
      { where: { id: downloadId, mediaId: id, isSharing: true }, transaction },
    );
    if (left === 1) {
      const wantedBy = literal("wanted_by - 1");
      await SharedMedia.update({ wantedBy }, { where: { id }, transaction });
    }
    const unwanted = { id, wantedBy: 0 };
    await SharedMedia.update({ openHash: null }, { where: unwanted, transaction });
    return (await SharedMedia.findOne({ where: unwanted, transaction })) ?? undefined;
  });
}

/** Forgets media that nobody wants, once it is gone from the store. */
export async function forgetMedia(database: Database, id: string): Promise<void> {
  await inTransaction(database, (transaction) =>
    SharedMedia.destroy({ where: { id, wantedBy: 0 }, transaction }),
  );
}

/** The id of the workflow that fetches what a download waits for with others; undefined when it has it fetched alone. */
export async function fetchOf({ mediaId, isSharing }: Download): Promise<string | undefined> {
  return isSharing && mediaId ? fetchUnderWay(mediaId) : undefined;
}

/** The id of the workflow that fetches media of this id for several now, if one does. */
export async function fetchUnderWay(id: string): Promise<string | undefined> {
  const media = await SharedMedia.findOne({ where: { id, state: "fetching" } });
  return media ? workflowId("fetch", media.wishHash, id) : undefined;
}

/** The tries of a download: of its own, and of what it shared with others, in turn. */
export async function triesOf({ id, mediaId }: Download): Promise<DownloadAttempt[]> {
  // What it began alone and went on with others was no try.
  const own =
    mediaId && mediaId !== id
      ? { downloadId: id, endedAt: { [Op.not]: null } }
      : { downloadId: id };
  return DownloadAttempt.findAll({
    where: mediaId ? { [Op.or]: [own, { downloadId: mediaId }] } : own,
    order: [
      ["startedAt", "ASC"],
      ["number", "ASC"],
    ],
  });
}

/** How often something was tried to its end, by a download or what several share. */
export async function triesEnded(id: string): Promise<number> {
  const where = { downloadId: id, endedAt: { [Op.not]: null } };
  return Number((await DownloadAttempt.max("number", { where })) ?? 0);
}
