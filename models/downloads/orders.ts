import { col, fn, literal, Op, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import { dayOf } from "../../domain/downloads.ts";
import { refusal, refusalIn } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { type Audit, enqueue, nextSerial, recordAudit } from "../operations.ts";
import { Download, DownloadQuota } from "./tables.ts";
import { tellDownload, tellRemoved } from "./tasks.ts";

/** Where an order came from: what its audit entry says beside it. */
export type Origin = Pick<Audit, "actor" | "address" | "requestId">;

/** Media that somebody wants. */
export type DownloadOrder = Pick<
  Download,
  "id" | "accountId" | "url" | "platform" | "mode" | "quality" | "format" | "formatId"
> &
  Partial<Pick<Download, "kind">>;

/**
 * Writes an order down, counts it, and tells its workflow after the commit. The same id again answers the download that
 * there is, and refuses `operations/idempotency-mismatch` when that was another order. `dailyQuota`: how many an account
 * may order a day, if that is limited.
 */
export async function orderDownload(
  database: Database,
  order: DownloadOrder,
  dailyQuota: number | undefined,
  origin: Origin,
): Promise<Download> {
  try {
    return await inTransaction(database, async (transaction) => {
      if (dailyQuota !== undefined) await useQuota(order.accountId, dailyQuota, transaction);
      const serial = await nextSerial("downloads", transaction);
      const download = await Download.create({ ...order, serial }, { transaction });
      await tellWorkflow(download, null, origin, transaction);
      await tellDownload(download, transaction);
      await audit("ordered", download, origin, transaction);
      return download;
    });
  } catch (error) {
    // What has used up the quota may be this very order.
    const mayStand = isTaken(error) || refusalIn(error)?.code === "downloads/quota-exceeded";
    const earlier = mayStand && (await Download.findByPk(order.id));
    if (!earlier) throw error;
    const isSame = Object.entries(order).every(
      ([name, value]) => earlier.get(name as keyof DownloadOrder) === value,
    );
    if (isSame) return earlier;
    throw refusal(
      "operations/idempotency-mismatch",
      "This Idempotency-Key was used for another download. Take a new one.",
    );
  }
}

/** Counts one order of today, if there may be one more. */
export async function useQuota(
  accountId: string,
  dailyQuota: number,
  transaction: Transaction,
): Promise<void> {
  const day = dayOf(new Date());
  const [counted] = await DownloadQuota.update(
    { used: literal("used + 1") },
    { where: { accountId, day, used: { [Op.lt]: dailyQuota } }, transaction },
  );
  if (counted === 1) return;
  const exceeded = () =>
    refusal("downloads/quota-exceeded", "quota exceeded, please try again tomorrow");
  if (dailyQuota === 0) throw exceeded();
  try {
    await DownloadQuota.create({ accountId, day, used: 1 }, { transaction });
  } catch (error) {
    if (!isTaken(error)) throw error;
    // Somebody began the day in between, or it is used up.
    const [late] = await DownloadQuota.update(
      { used: literal("used + 1") },
      { where: { accountId, day, used: { [Op.lt]: dailyQuota } }, transaction },
    );
    if (late !== 1) throw exceeded();
  }
}

/** How many downloads an account has ordered today, in Shanghai. */
export async function usedToday(accountId: string, now = new Date()): Promise<number> {
  const row = await DownloadQuota.findOne({ where: { accountId, day: dayOf(now) } });
  return row?.used ?? 0;
}

/** What is said of a download that is to begin anew. */
const ANEW = {
  state: "queued",
  version: literal("version + 1"),
  lives: literal("lives + 1"),
  errorCode: null,
  error: null,
  progress: null,
  completedAt: null,
} as const;

/**
 * Lets a failed download begin anew; what was fetched of it before is gone. Its workflow may still be winding up. With a
 * list all begin anew that have failed on it; what was on one and beyond the quota counts from now on.
 */
export async function retryDownload(
  database: Database,
  { id }: Pick<Download, "id">,
  dailyQuota: number | undefined,
  origin: Origin,
): Promise<Download> {
  return inTransaction(database, async (transaction) => {
    const [again] = await Download.update(
      { ...ANEW, isHeldBack: false },
      { where: { id, state: "failed", deletedAt: null }, transaction },
    );
    const download = await Download.findByPk(id, { transaction, rejectOnEmpty: true });
    if (again !== 1) {
      throw refusal(
        "downloads/not-retryable",
        `This download is ${download.state}: only a failed one is tried again.`,
      );
    }
    if (isUncounted(download) && dailyQuota !== undefined) {
      await useQuota(download.accountId, dailyQuota, transaction);
    }
    if (download.kind === "playlist") await holdBack(id, transaction);
    if (download.parentId) await reviveList(download.parentId, origin, transaction);
    await tellWorkflow(download, "beginAgain", origin, transaction);
    await tellDownload(download, transaction);
    await audit("retried", download, origin, transaction);
    return download;
  });
}

/** Whether it came with a list and never had its turn: it does not count among the orders of a day yet. */
export function isUncounted({ parentId, startedAt }: Download): boolean {
  return parentId !== null && startedAt === null;
}

/** What has failed on a list is begun by the list's workflow; what may not be fetched stays as it is. */
async function holdBack(parentId: string, transaction: Transaction): Promise<void> {
  const errorCode = { [Op.ne]: "downloads/address-refused" };
  await Download.update(
    { ...ANEW, isHeldBack: true },
    { where: { parentId, state: "failed", errorCode, deletedAt: null }, transaction },
  );
}

/** A list of which nothing was fetched follows what is tried again. */
async function reviveList(id: string, origin: Origin, transaction: Transaction): Promise<void> {
  const [revived] = await Download.update(ANEW, {
    where: { id, state: "failed", deletedAt: null },
    transaction,
  });
  if (revived !== 1) return;
  const list = await Download.findByPk(id, { transaction, rejectOnEmpty: true });
  await tellWorkflow(list, "beginAgain", origin, transaction);
  await tellDownload(list, transaction);
}

/** Asks for an end of what goes on. Its workflow hears of it after the commit, whether it has begun or not. */
export async function cancelDownload(
  database: Database,
  { id }: Pick<Download, "id">,
  origin: Origin,
): Promise<Download> {
  return inTransaction(database, async (transaction) => {
    const lock = transaction.LOCK.UPDATE;
    const download = await Download.findByPk(id, { lock, transaction, rejectOnEmpty: true });
    if (download.state !== "queued" && download.state !== "working") {
      throw refusal(
        "downloads/not-under-way",
        `This download is ${download.state}: there is nothing to cancel.`,
      );
    }
    await tellWorkflow(download, "cancelDownload", origin, transaction);
    await audit("cancelled", download, origin, transaction);
    return download;
  });
}

/** Takes a download out of its owner's history. Whatever goes on is ended, and its file removed. */
export async function deleteDownload(
  database: Database,
  { id }: Pick<Download, "id">,
  origin: Origin,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const [deleted] = await Download.update(
      { deletedAt: new Date(), version: literal("version + 1") },
      { where: { id, deletedAt: null }, transaction },
    );
    if (deleted !== 1) return;
    const download = await Download.findByPk(id, { transaction, rejectOnEmpty: true });
    await tellWorkflow(download, "removeDownload", origin, transaction);
    await tellRemoved(download, transaction);
    await audit("deleted", download, origin, transaction);
  });
}

/** Starts a download's workflow after the commit, or tells it something, and in which of its lives. */
export function tellWorkflow(
  { id: downloadId, serial, url, kind, lives: life }: Download,
  update: "beginAgain" | "cancelDownload" | "removeDownload" | null,
  { actor, requestId = "" }: Origin,
  transaction: Transaction,
): Promise<void> {
  const id = newId();
  return enqueue(
    {
      id,
      workflow: kind === "playlist" ? "playlist" : "download",
      workflowId: workflowId("download", downloadId),
      input: { downloadId },
      command: update && { update, id, argument: { life } },
      summary: `Fetch media from ${new URL(url).hostname}`.slice(0, 200),
      kind: "download",
      subject: String(serial),
      headers: { actorName: actor?.name ?? "longhaul", requestId },
    },
    transaction,
  );
}

/** The audit knows where from, and not what exactly: an address may hold a secret. */
function audit(
  what: "ordered" | "retried" | "cancelled" | "deleted",
  { id, url, mode }: Download,
  origin: Origin,
  transaction: Transaction,
): Promise<void> {
  const { actor, address, requestId } = origin;
  const subject = { subjectKind: "download", subjectId: id, action: `downloads.${what}` };
  const after = what === "ordered" ? { host: new URL(url).host, mode } : undefined;
  return recordAudit(
    {
      actor,
      ...(address && { address }),
      ...(requestId && { requestId }),
      ...subject,
      ...(after && { after }),
    },
    transaction,
  );
}

/** Counts and adds up by a column of the history. */
export async function countBy(
  column: "state" | "platform",
  accountId: string,
): Promise<{ name: string; count: number; bytes: number }[]> {
  const rows = await Download.findAll({
    attributes: [
      [column, "name"],
      [fn("COUNT", col("id")), "count"],
      [fn("SUM", col("bytes")), "sum"],
    ],
    where: { accountId, kind: "media", deletedAt: null },
    group: [column],
    raw: true,
  });
  return (rows as unknown as { name: string; count: number; sum: number | string | null }[]).map(
    ({ name, count, sum }) => ({ name, count, bytes: Number(sum ?? 0) }),
  );
}
