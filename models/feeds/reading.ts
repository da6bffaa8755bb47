import { QueryTypes } from "sequelize";
import type { FrameEvent, TaskKind } from "../../domain/feeds.ts";
import { LIMITS } from "../../domain/limits.ts";
import { secondsAfter } from "../columns.ts";
import type { Database } from "../database.ts";
import { Feed, FeedTask } from "./tables.ts";

/** One frame as it is kept; `body` is the JSON that is sent under `data`. */
export interface FeedRow {
  seq: number;
  event: FrameEvent;
  kind: TaskKind | null;
  task: string | null;
  body: string;
}

/** The most frames of one look. */
export const FRAMES_PAGE = 500;

// One statement, which sees one moment: what has a lower number than a row of its answer, and is kept, is in it too, and
// it knows how much is not kept. Where nothing came, that alone is answered.
const AFTER = `SELECT last_seq AS last, forgotten_seq AS forgotten, seq, event, kind, task, body FROM feeds LEFT JOIN (
   SELECT * FROM (
     SELECT seq, event, kind, task_id AS task, body FROM feed_frames
       WHERE account_id = ? AND seq > ? ORDER BY seq LIMIT ${FRAMES_PAGE}) kept
   UNION ALL
   SELECT * FROM (
     SELECT progress_seq AS seq, 'task:progress' AS event, kind, id AS task, progress_body AS body FROM feed_tasks
       WHERE account_id = ? AND progress_seq > ? ORDER BY progress_seq LIMIT ${FRAMES_PAGE}) newest
   ) told ON 1 = 1 WHERE account_id = ? ORDER BY seq LIMIT ${FRAMES_PAGE}`;

type AfterRow = { last: number; forgotten: number } & (FeedRow | { seq: null });

/**
 * What an account was told after `seq`, in order, of progress the newest alone; a full page may have a next one.
 * Undefined when not all of it is kept, or that number was never given.
 */
export async function framesAfter(
  database: Database,
  accountId: string,
  seq: number,
): Promise<FeedRow[] | undefined> {
  const rows = await database.ask<AfterRow>(AFTER, [accountId, seq, accountId, seq, accountId]);
  const { last, forgotten } = rows[0] ?? { last: 0, forgotten: 0 };
  if (seq < forgotten || seq > last) return undefined;
  return rows.filter((row) => row.seq !== null);
}

/** Of these accounts, the numbers of their newest frames. */
export async function lastSeqs(accountIds: readonly string[]): Promise<Map<string, number>> {
  const feeds = await Feed.findAll({
    attributes: ["accountId", "lastSeq"],
    where: { accountId: [...accountIds] },
    raw: true,
  });
  return new Map(feeds.map(({ accountId, lastSeq }) => [accountId, lastSeq]));
}

const STATE = `SELECT f.last_seq AS last, t.id AS task, t.kind, t.status_seq, t.status_event, t.status_body,
     t.progress_seq, t.progress_body
   FROM feeds f LEFT JOIN feed_tasks t ON t.account_id = f.account_id AND (t.ended_at IS NULL OR t.ended_at > :since)
   WHERE f.account_id = :accountId ORDER BY t.status_seq DESC LIMIT :most`;

interface StateRow {
  last: number;
  task: string | null;
  kind: TaskKind;
  status_seq: number;
  status_event: FrameEvent;
  status_body: string;
  progress_seq: number | null;
  progress_body: string | null;
}

/** How all stands, in place of what came before it. */
export interface FeedState {
  /** The number that whatever comes then is told after. */
  seq: number;
  frames: FeedRow[];
}

/**
 * How the tasks of an account stand, those of the last day that are over included: their newest frames,
 * in order.
 */
export async function stateOf({ sequelize }: Database, accountId: string): Promise<FeedState> {
  const since = secondsAfter(new Date(), -LIMITS.feedHours * 3600);
  const rows = await sequelize.query<StateRow>(STATE, {
    type: QueryTypes.SELECT,
    replacements: { accountId, since, most: LIMITS.feedStateTasks },
  });
  const frames = rows.filter(({ task }) => task !== null).flatMap(framesOf);
  frames.sort((a, b) => a.seq - b.seq);
  return { seq: rows[0]?.last ?? 0, frames };
}

function framesOf(row: StateRow): FeedRow[] {
  const { kind, task, status_event: event, status_body: body } = row;
  const status: FeedRow = { seq: row.status_seq, event, kind, task, body };
  if (row.progress_body === null) return [status];
  const seq = row.progress_seq!;
  return [status, { seq, event: "task:progress", kind, task, body: row.progress_body }];
}

/** A task that somebody was told of; null when nobody ever was, or long ago. */
export function findTask(id: string): Promise<FeedTask | null> {
  return FeedTask.findByPk(id);
}
