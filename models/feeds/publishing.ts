import { literal, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import {
  advance,
  type FrameEvent,
  isOver,
  type KnownProgress,
  type Notice,
  noteBody,
  noticeBody,
  progressBody,
  taskFrame,
  type TaskNote,
  type TaskRef,
  type TaskUpdate,
} from "../../domain/feeds.ts";
import { announceAfter, type Database, inTransaction, isTaken } from "../database.ts";
import { emit } from "../webhooks/index.ts";
import { Feed, FeedFrame, FeedTask } from "./tables.ts";

/**
 * Tells whoever a task belongs to, and the webhooks of theirs that want to hear it, where it stands, if and only if
 * `transaction` commits. Late in the transaction is best: until its end nothing else is told to the same account.
 */
export async function publishTask(update: TaskUpdate, transaction: Transaction): Promise<void> {
  const now = new Date();
  const { taskId: id, accountId, kind, state } = update;
  const { event, body } = taskFrame(update, now);
  const seq = await takeSeqs(accountId, 1, transaction);
  const statusBody = JSON.stringify(body);
  await keep({ accountId, seq, event, kind, taskId: id, body: statusBody }, transaction);
  const endedAt = isOver(state) ? now : null;
  // What begins anew has come nowhere yet.
  const progress = state === "queued" ? NO_PROGRESS : {};
  const stands = { state, statusSeq: seq, statusEvent: event, statusBody, endedAt, ...progress };
  const [known] = await FeedTask.update(stands, { where: { id, accountId }, transaction });
  if (known === 0) await FeedTask.create({ id, accountId, kind, ...stands }, { transaction });
  const data = { ...body, account: accountId };
  await emit({ id: newId(), type: OUTWARD[event], data }, transaction);
}

const NO_PROGRESS = { phase: null, permille: null, progressSeq: null, progressBody: null };

const OUTWARD = {
  "task:status": "task.status_changed",
  "task:completed": "task.completed",
  "task:failed": "task.failed",
} as const;

/** Tells whoever a task belongs to a line of its log, if and only if `transaction` commits. */
export function publishNote(note: TaskNote, transaction: Transaction): Promise<void> {
  return publishNotes(note, [note], transaction);
}

/** The same for some lines of one task's log, in their order. */
export async function publishNotes(
  { accountId, taskId, kind }: TaskRef,
  lines: readonly Pick<TaskNote, "level" | "message">[],
  transaction: Transaction,
): Promise<void> {
  if (lines.length === 0) return;
  const first = (await takeSeqs(accountId, lines.length, transaction)) - lines.length + 1;
  const now = new Date();
  const about = { accountId, event: "task:log", kind, taskId } as const;
  const frames = lines.map((line, place) => {
    const body = JSON.stringify(noteBody({ accountId, taskId, kind, ...line }, now));
    return { ...about, seq: first + place, body };
  });
  await FeedFrame.bulkCreate(frames, { transaction });
}

/** Tells an account, and the webhooks of theirs that want to hear it, something they should know. */
export async function publishNotice(notice: Notice, transaction: Transaction): Promise<void> {
  const { accountId } = notice;
  const seq = await takeSeqs(accountId, 1, transaction);
  const body = noticeBody(notice, new Date());
  const kept = { kind: null, taskId: null, body: JSON.stringify(body) };
  await keep({ accountId, seq, event: "notification", ...kept }, transaction);
  const data = { ...body, account: accountId };
  await emit({ id: newId(), type: "notice.given", data }, transaction);
}

/**
 * Puts the newest progress of tasks in place of what was told before, and tells their accounts. Within a phase no
 * number falls; tasks that are over, or that nobody has been told of, are left alone.
 */
export async function recordProgress(
  database: Database,
  reports: readonly KnownProgress[],
): Promise<void> {
  // In one order, so that two workers never wait for each other.
  const accounts = [...new Set(reports.map(({ accountId }) => accountId))].sort();
  await inTransaction(database, async (transaction) => {
    for (const accountId of accounts) {
      const own = reports.filter((report) => report.accountId === accountId);
      await advanceTasks(accountId, own, transaction);
    }
  });
}

async function advanceTasks(
  accountId: string,
  reports: readonly KnownProgress[],
  transaction: Transaction,
): Promise<void> {
  const last = await takeSeqs(accountId, reports.length, transaction);
  // Nobody else changes these tasks while the feed's row is held.
  const tasks = await FeedTask.findAll({
    attributes: ["id", "phase", "permille"],
    where: { accountId, id: reports.map(({ taskId }) => taskId), endedAt: null },
    transaction,
  });
  const known = new Map(tasks.map((task) => [task.id, task]));
  const now = new Date();
  for (const [index, report] of reports.entries()) {
    const task = known.get(report.taskId);
    if (!task) continue;
    const { phase, permille } = task;
    const before = { phase, percent: permille === null ? null : permille / 10 };
    const percent = advance(before, report);
    await FeedTask.update(
      {
        phase: report.phase,
        permille: Math.round(percent * 10),
        progressSeq: last - reports.length + 1 + index,
        progressBody: JSON.stringify(progressBody({ ...report, percent }, now)),
      },
      { where: { id: report.taskId }, transaction },
    );
  }
}

interface Kept {
  accountId: string;
  seq: number;
  event: FrameEvent;
  kind: FeedFrame["kind"];
  taskId: string | null;
  body: string;
}

async function keep(frame: Kept, transaction: Transaction): Promise<void> {
  await FeedFrame.create(frame, { transaction });
}

/**
 * Takes the next `count` numbers of an account's feed; answers the last of them. The update locks the row until the
 * transaction ends: what has a lower number is always committed earlier, so that readers miss nothing.
 */
async function takeSeqs(
  accountId: string,
  count: number,
  transaction: Transaction,
): Promise<number> {
  announceAfter(transaction, { type: "feed.grew", data: { accountId } });
  const counted = await countUp(accountId, count, transaction);
  if (counted !== undefined) return counted;
  try {
    await Feed.create({ accountId, lastSeq: count }, { transaction });
    return count;
  } catch (error) {
    if (!isTaken(error)) throw error;
    return (await countUp(accountId, count, transaction))!;
  }
}

async function countUp(
  accountId: string,
  count: number,
  transaction: Transaction,
): Promise<number | undefined> {
  const where = { accountId };
  const more = { lastSeq: literal(`last_seq + ${count}`) };
  const [moved] = await Feed.update(more, { where, transaction });
  if (moved === 0) return undefined;
  const { lastSeq } = await Feed.findOne({
    attributes: ["lastSeq"],
    where,
    transaction,
    rejectOnEmpty: true,
  });
  return lastSeq;
}
