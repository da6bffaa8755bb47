import { Op, type Transaction } from "sequelize";
import type { DownloadState } from "../../domain/downloads.ts";
import type { Facts, TaskNote, TaskRef, TaskUpdate } from "../../domain/feeds.ts";
import { findHold } from "../billing/index.ts";
import { publishNote, publishTask } from "../feeds/index.ts";
import { Download } from "./tables.ts";

/** Tells whoever ordered a download how it stands now. What becomes of its file later is no news of the task. */
export async function tellDownload(row: Download, transaction: Transaction): Promise<void> {
  const costFen = row.holdId ? (await findHold(row.holdId, transaction)).capturedFen : 0;
  const update = updateOf(row, costFen / 100);
  if (update) await publishTask(update, transaction);
}

/** Tells whoever ordered a download that they have taken it out of their history while it went on. */
export async function tellRemoved(row: Download, transaction: Transaction): Promise<void> {
  const state: DownloadState = row.state;
  if (state !== "queued" && state !== "working") return;
  const task = { ...taskOfDownload(row), facts: factsOf(row) };
  const why = { reason: "It was taken out of the history.", code: "downloads/cancelled" };
  await publishTask({ ...task, state: "cancelled", ...why }, transaction);
}

/** Whom it concerns what becomes of a fetch: the download that has it for itself, or all that share it. */
export function concernedBy(id: string) {
  const [alone, together] = [
    { id, isSharing: false },
    { mediaId: id, isSharing: true },
  ];
  return { [Op.or]: [alone, together] };
}

/** Tells whoever has a download, or what several share, in their history a line of its log. */
export async function noteDownload(
  id: string,
  note: Pick<TaskNote, "level" | "message">,
  transaction: Transaction,
): Promise<void> {
  const attributes = ["id", "accountId"];
  const where = { ...concernedBy(id), deletedAt: null };
  const rows = await Download.findAll({ attributes, where, transaction });
  for (const row of rows) await publishNote({ ...taskOfDownload(row), ...note }, transaction);
}

/** A download as a task that its orderer follows. */
export function taskOfDownload({ id, accountId }: Pick<Download, "id" | "accountId">): TaskRef {
  return { taskId: id, accountId, kind: "download" };
}

function updateOf(row: Download, cost: number): TaskUpdate | undefined {
  const state: DownloadState = row.state;
  const task = { ...taskOfDownload(row), facts: factsOf(row) };
  switch (state) {
    case "queued":
      return { ...task, state };
    case "working":
      return { ...task, state: row.waitingFor ? "waiting" : "running", ...saidOf(row) };
    case "kept":
      // A quick one was told of when it was ready.
      return row.mode === "archive" || row.kind === "playlist"
        ? completed(row, task, cost)
        : undefined;
    case "ready":
      return completed(row, task, cost);
    case "failed": {
      const code = row.errorCode ?? "downloads/failed";
      const ended = code === "downloads/cancelled" ? "cancelled" : "failed";
      return { ...task, state: ended, reason: row.error ?? "It is not known why.", code };
    }
    case "expired":
      return undefined;
  }
}

function completed(row: Download, task: TaskRef, cost: number): TaskUpdate {
  const { startedAt, createdAt, completedAt } = row;
  const seconds =
    ((completedAt ?? createdAt).getTime() - (startedAt ?? createdAt).getTime()) / 1000;
  const files = row.kind === "playlist" ? [] : [`/api/v1/download/file?history_id=${row.serial}`];
  return { ...task, state: "completed", files, seconds, cost };
}

/** Why it failed last, while the next try is waited for. */
function saidOf({ error, waitingFor }: Download): { message?: string } {
  return waitingFor === "retry" && error ? { message: error } : {};
}

function factsOf(row: Download): Facts {
  const { serial, platform, mode, title, fileName, bytes } = row;
  const { waitingFor, nextTryAt, attempts, errorCode, expireAt } = row;
  return {
    history_id: serial,
    platform,
    mode,
    ...(row.parentId && { parent_task_id: row.parentId }),
    ...(title && { title }),
    ...(attempts > 0 && { attempts }),
    ...(waitingFor && { waiting_for: waitingFor }),
    ...(waitingFor && nextTryAt && { next_try_at: nextTryAt.toISOString() }),
    ...(waitingFor === "retry" && errorCode && { error_code: errorCode }),
    ...(fileName && { file_name: fileName }),
    ...(bytes !== null && bytes !== undefined && { file_size: bytes }),
    ...(expireAt && { expire_at: expireAt.toISOString() }),
  };
}
