import type { Logger } from "pino";
import type { KnownProgress, ReportProgress, TaskProgress } from "../domain/feeds.ts";
import type { Database } from "../models/database.ts";
import { recordProgress } from "../models/feeds/index.ts";

/** Of each task so often at most. */
const TELL_MS = 500;
/** How much a new look at the speed counts beside all before it. */
const NEWEST_SHARE = 0.3;
/** What was silent for longer begins anew. */
const SILENT_MS = 60_000;

interface Pace {
  phase: TaskProgress["phase"];
  done: number;
  /** By `performance.now()`. */
  atMs: number;
  perSecond?: number;
}

/**
 * Keeps the newest progress of each task and writes those that have changed down together, twice a second at most.
 * What cannot be written is left out: it is soon overtaken, and the end of a task is never told this way.
 */
export function openProgress({ database, log }: { database: Database; log: Logger }): {
  report: ReportProgress;
  /** Writes down what is still to be told. */
  close(): Promise<void>;
} {
  const waiting = new Map<string, KnownProgress>();
  const paces = new Map<string, Pace>();
  let timer: NodeJS.Timeout | undefined;
  let telling: Promise<void> | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;

  const tell = async () => {
    const reports = [...waiting.values()];
    waiting.clear();
    toldAt = performance.now();
    forgetSilent(paces, toldAt);
    await recordProgress(database, reports).catch((error: unknown) =>
      log.warn({ err: error }, "progress cannot be told"),
    );
  };
  const plan = () => {
    if (timer || telling || waiting.size === 0) return;
    const pauseMs = Math.max(0, toldAt + TELL_MS - performance.now());
    timer = setTimeout(() => {
      timer = undefined;
      telling = tell().finally(() => {
        telling = undefined;
        plan();
      });
    }, pauseMs);
    timer.unref();
  };

  return {
    report(progress) {
      waiting.set(progress.taskId, { ...progress, ...judge(progress, paces) });
      plan();
    },
    async close() {
      clearTimeout(timer);
      await telling;
      clearTimeout(timer);
      if (waiting.size > 0) await tell();
    },
  };
}

/** What of a report can be told from its numbers: the percent, and from how they grow the speed and the time left. */
function judge(
  progress: TaskProgress,
  paces: Map<string, Pace>,
): Pick<KnownProgress, "percent" | "speed" | "etaSeconds"> {
  const { taskId, phase, done, total, unit } = progress;
  const percent = progress.percent ?? (done !== undefined && total ? (done / total) * 100 : 0);
  if (done === undefined || unit === "steps") return { percent, ...given(progress) };
  const nowMs = performance.now();
  const before = paces.get(taskId);
  const goesOn = before?.phase === phase && done >= before.done;
  // Too short a moment tells nothing: it is looked at together with the next.
  if (goesOn && nowMs - before.atMs < TELL_MS) {
    return { percent, ...timed(before.perSecond, progress), ...given(progress) };
  }
  const newest = goesOn ? ((done - before.done) / (nowMs - before.atMs)) * 1000 : undefined;
  const perSecond =
    newest === undefined || before?.perSecond === undefined
      ? newest
      : before.perSecond + (newest - before.perSecond) * NEWEST_SHARE;
  const pace = perSecond === undefined ? {} : { perSecond };
  paces.set(taskId, { phase, done, atMs: nowMs, ...pace });
  return { percent, ...timed(perSecond, { done, total }), ...given(progress) };
}

function timed(
  perSecond: number | undefined,
  { done = 0, total }: { done?: number; total?: number | undefined },
): Pick<KnownProgress, "speed" | "etaSeconds"> {
  if (perSecond === undefined) return {};
  const left = total !== undefined && perSecond > 0 && { etaSeconds: (total - done) / perSecond };
  return { speed: perSecond, ...left };
}

/** What the worker knows better. */
function given({ speed, etaSeconds }: TaskProgress): Pick<KnownProgress, "speed" | "etaSeconds"> {
  return { ...(speed !== undefined && { speed }), ...(etaSeconds !== undefined && { etaSeconds }) };
}

function forgetSilent(paces: Map<string, Pace>, nowMs: number): void {
  for (const [taskId, { atMs }] of paces) if (nowMs - atMs > SILENT_MS) paces.delete(taskId);
}
