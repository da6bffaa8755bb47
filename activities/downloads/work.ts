import { ApplicationFailure, cancellationSignal, Context } from "@temporalio/activity";
import { ApplicationFailureCategory } from "@temporalio/common";
import {
  createProgress,
  type Heard,
  PHASE_LABELS,
  type Progress,
} from "../../domain/downloads/progress.ts";
import type { Transaction } from "sequelize";
import type { TaskNote, TaskProgress, TaskRef } from "../../domain/feeds.ts";
import { inTransaction } from "../../models/database.ts";
import {
  noteDownload,
  noteProgress,
  taskOfDownload,
  waitersOf,
} from "../../models/downloads/index.ts";
import type { CarriedFailure, FetchRef } from "./contract.ts";
import type { DownloadTools } from "./tools.ts";

const WRITE_MS = 2_000;

/** Runs work that lasts. What was cancelled ends as cancelled. */
export async function lasting<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = cancellationSignal();
  try {
    return await body(signal);
  } catch (error) {
    if (signal.aborted) await Context.current().cancelled;
    throw error;
  }
}

/** A failure of the source's, which the workflow judges: nothing is tried again before. */
export function sourceFailed(failure: CarriedFailure): ApplicationFailure {
  return ApplicationFailure.create({
    type: failure.code,
    message: failure.message,
    nonRetryable: true,
    category: ApplicationFailureCategory.BENIGN,
    details: [failure],
  });
}

/** Of one try so many lines are told. */
const MOST_LINES = 50;

/** The log of one try, as whoever ordered it hears it. */
export interface Notes {
  /** Tells a line; nobody waits for that, and what cannot be told is left out. */
  say(level: TaskNote["level"], message: string): void;
  /** Settles when all lines so far are told. */
  told(): Promise<void>;
}

/** Opens the log of one try, of a download or of what several share. */
export function openNotes({ database }: Pick<DownloadTools, "database">, id: string): Notes {
  let lines = 0;
  let last = Promise.resolve();
  return {
    say(level, message) {
      if (++lines > MOST_LINES) return;
      const tell = (transaction: Transaction) => noteDownload(id, { level, message }, transaction);
      last = last.then(() => inTransaction(database, tell)).catch(() => undefined);
    },
    told: () => last,
  };
}

/** Tells how far one try is: whoever follows it as often as there is something new, the rows every other second. */
export async function tellProgress(
  { database, reportProgress }: Pick<DownloadTools, "database" | "reportProgress">,
  of: FetchRef,
  notes: Notes,
): Promise<(heard: Heard) => void> {
  let rows = await waitersOf(of);
  const advance = createProgress();
  let writtenAt = -Infinity;
  let phase: Progress["phase"] | undefined;
  return (heard) => {
    const progress = advance(heard);
    for (const row of rows) reportProgress({ ...taskOfDownload(row), ...asReported(progress) });
    const now = performance.now();
    if (progress.phase !== phase) notes.say("info", `${PHASE_LABELS[progress.phase].en}.`);
    if (progress.phase === phase && now - writtenAt < WRITE_MS) return;
    [writtenAt, phase] = [now, progress.phase];
    const write = async () => {
      rows = await waitersOf(of);
      for (const { id } of rows) await noteProgress(database, id, progress);
    };
    // Whoever misses it sees the next one.
    write().catch(() => undefined);
  };
}

function asReported(progress: Progress): Omit<TaskProgress, keyof TaskRef> {
  const { phase, percent, downloadedBytes, totalBytes, bytesPerSecond, etaSeconds } = progress;
  return {
    phase,
    percent,
    done: downloadedBytes,
    unit: "bytes",
    ...(totalBytes !== null && { total: totalBytes }),
    ...(bytesPerSecond !== null && { speed: bytesPerSecond }),
    ...(etaSeconds !== null && { etaSeconds }),
  };
}
