import type { KnownProgress, TaskRef, TaskUpdate } from "../../domain/feeds.ts";
import { type Database, inTransaction } from "../../models/database.ts";
import {
  Feed,
  FeedFrame,
  type FeedRow,
  framesAfter,
  publishNotice,
  publishNote,
  publishTask,
} from "../../models/feeds/index.ts";
import { newId } from "../../platform/crypto.ts";

/** A task of this account that nobody has been told of. */
export function makeTask(accountId = newId()): TaskRef {
  return { taskId: newId(), accountId, kind: "package" };
}

/** Tells where a task stands, as a line would. */
export function tellTask(
  database: Database,
  task: TaskRef,
  state: "queued" | "running" | "waiting" | "completed" | "failed" | "cancelled" = "running",
): Promise<void> {
  return inTransaction(database, (transaction) => publishTask(standing(task, state), transaction));
}

function standing(task: TaskRef, state: TaskUpdate["state"]): TaskUpdate {
  if (state === "completed") return { ...task, state, files: ["/dist/1/release.zip"], seconds: 2 };
  if (state === "failed" || state === "cancelled") return { ...task, state, reason: "It broke." };
  return { ...task, state };
}

/** Tells a line of a task's log. */
export function tellNote(database: Database, task: TaskRef, message: string): Promise<void> {
  return inTransaction(database, (transaction) =>
    publishNote({ ...task, level: "info", message }, transaction),
  );
}

/** Gives an account a notice. */
export function giveNotice(database: Database, accountId: string, en = "Hello."): Promise<void> {
  const said = { zh: "你好。", en };
  return inTransaction(database, (transaction) =>
    publishNotice({ accountId, type: "info", title: said, message: said }, transaction),
  );
}

/** What an account was told after a number; fails when not all of it is kept. */
export async function readFeed(database: Database, accountId: string, seq = 0): Promise<FeedRow[]> {
  const rows = await framesAfter(database, accountId, seq);
  if (!rows) throw new Error(`not all that came after ${seq} is kept`);
  return rows;
}

/** Where a task is, in its usual phase. */
export function progressOf(task: TaskRef, percent: number): KnownProgress {
  return { ...task, phase: "building", percent };
}

/** Fills a feed that has nothing newer with so many notices, from a number on; nobody is told. */
export async function crowdFeed(
  database: Database,
  accountId: string,
  { frames, bytes = 2, from = 1 }: { frames: number; bytes?: number; from?: number },
): Promise<void> {
  const body = JSON.stringify({ message: "x".repeat(bytes) });
  const rows = Array.from({ length: frames }, (_, index) => ({
    accountId,
    seq: from + index,
    event: "notification" as const,
    body,
  }));
  const lastSeq = from + frames - 1;
  await inTransaction(database, async (transaction) => {
    for (let start = 0; start < frames; start += 1000) {
      await FeedFrame.bulkCreate(rows.slice(start, start + 1000), { transaction });
    }
    const [known] = await Feed.update({ lastSeq }, { where: { accountId }, transaction });
    if (known === 0) await Feed.create({ accountId, lastSeq }, { transaction });
  });
}
