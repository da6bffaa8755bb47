import { col, fn, literal, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import { type DownloadState, platformOf, SUCCESS_STATES } from "../../domain/downloads.ts";
import { refusalIn } from "../../domain/errors.ts";
import { type Database, inTransaction } from "../database.ts";
import { nextSerials, recordAudit } from "../operations.ts";
import { moveDownload } from "./life.ts";
import { isUncounted, type Origin, tellWorkflow, useQuota } from "./orders.ts";
import { Download } from "./tables.ts";
import { noteDownload, tellDownload } from "./tasks.ts";

/** One medium of a list. */
export interface ListedMedia {
  url: string;
  title: string | null;
  /** Why nothing is fetched from its address. */
  refused?: string;
}

/** What a list has, as far as it is fetched. */
export interface MediaList {
  title: string | null;
  media: ListedMedia[];
  /** Whether there is more of it. */
  isTruncated: boolean;
}

const PLATFORM: Origin = { actor: null };

/** Writes down what a working list has, each a download that is held back. Once: what was written stays as it is. */
export async function keepList(
  database: Database,
  { id }: Pick<Download, "id">,
  { title, media, isTruncated }: MediaList,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const [listed] = await Download.update(
      { listedAt: new Date(), title, isTruncated, version: literal("version + 1") },
      { where: { id, state: "working", listedAt: null }, transaction },
    );
    if (listed !== 1) return;
    const parent = await Download.findByPk(id, { transaction, rejectOnEmpty: true });
    const first = await nextSerials("downloads", media.length, transaction);
    const rows = media.map((one, at) => childOf(parent, one, { serial: first + at, at }));
    await Download.bulkCreate(rows, { transaction });
    const message = isTruncated
      ? `The list has more than ${media.length} media: the first ${media.length} are fetched.`
      : `The list has ${media.length} media.`;
    await noteDownload(id, { level: isTruncated ? "warning" : "info", message }, transaction);
    const after = { media: media.length, isTruncated };
    const subject = { subjectKind: "download", subjectId: id, action: "downloads.listed" };
    await recordAudit({ actor: null, ...subject, after }, transaction);
  });
}

function childOf(
  { id: parentId, accountId, mode, quality, format }: Download,
  { url, title, refused }: ListedMedia,
  { serial, at }: { serial: number; at: number },
) {
  const ended = {
    state: "failed",
    errorCode: "downloads/address-refused",
    error: refused,
  } as const;
  return {
    id: newId(),
    serial,
    accountId,
    url,
    platform: platformOf(new URL(url).hostname),
    mode,
    quality,
    format,
    formatId: null,
    title,
    parentId,
    position: at + 1,
    ...(refused ? { ...ended, completedAt: new Date() } : { isHeldBack: true }),
  };
}

/**
 * Begins what is held back of a list, one after the other. Once each: whoever comes second finds nothing to do. What is
 * beyond the quota has failed, and can be tried again.
 */
export async function beginListed(
  database: Database,
  parentId: string,
  dailyQuota: number | undefined,
): Promise<void> {
  const where = { parentId, state: "queued", isHeldBack: true } as const;
  for (const child of await Download.findAll({ where, order: [["position", "ASC"]] })) {
    try {
      await inTransaction(database, (transaction) => begin(child, dailyQuota, transaction));
    } catch (error) {
      const refused = refusalIn(error);
      if (refused?.code !== "downloads/quota-exceeded") throw error;
      const { code: errorCode, message } = refused;
      const change = { errorCode, error: message, completedAt: new Date() };
      await moveDownload(database, child.id, { from: ["queued"], to: "failed" }, change);
    }
  }
}

async function begin(
  child: Download,
  dailyQuota: number | undefined,
  transaction: Transaction,
): Promise<void> {
  const [begun] = await Download.update(
    { isHeldBack: false, version: literal("version + 1") },
    { where: { id: child.id, state: "queued", isHeldBack: true }, transaction },
  );
  if (begun !== 1) return;
  if (isUncounted(child) && dailyQuota !== undefined) {
    await useQuota(child.accountId, dailyQuota, transaction);
  }
  await tellWorkflow(child, child.startedAt && "beginAgain", PLATFORM, transaction);
  await tellDownload(child, transaction);
}

/** Ends what is held back of a list. Answers what is to be told an end of, because it goes on. */
export async function endHeldBack(database: Database, parentId: string): Promise<Download[]> {
  await inTransaction(database, (transaction) =>
    Download.update(
      {
        state: "failed",
        errorCode: "downloads/cancelled",
        error: "It was cancelled.",
        completedAt: new Date(),
        version: literal("version + 1"),
      },
      { where: { parentId, state: "queued", isHeldBack: true }, transaction },
    ),
  );
  return Download.findAll({ where: { parentId, state: ["queued", "working"] } });
}

/** How the media of a list stand: `done` were fetched, whatever has become of them. */
export interface Children {
  total: number;
  done: number;
  failed: number;
}

/** How the media of these lists stand, by the ids of the lists. Those that were taken out of the history count too. */
export async function countChildren(parentIds: readonly string[]): Promise<Map<string, Children>> {
  const counts = new Map(parentIds.map((id) => [id, { total: 0, done: 0, failed: 0 }]));
  if (parentIds.length === 0) return counts;
  const rows = (await Download.findAll({
    attributes: ["parentId", "state", [fn("COUNT", col("id")), "count"]],
    where: { parentId: [...parentIds] },
    group: ["parentId", "state"],
    raw: true,
  })) as unknown as { parentId: string; state: DownloadState; count: number }[];
  for (const { parentId, state, count } of rows) {
    const children = counts.get(parentId)!;
    children.total += count;
    if (SUCCESS_STATES.some((one) => one === state)) children.done += count;
    if (state === "failed") children.failed += count;
  }
  return counts;
}
