import { ApplicationFailure, cancellationSignal, Context, heartbeat } from "@temporalio/activity";
import { ApplicationFailureCategory } from "@temporalio/common";
import { createProgress, type Heard, type Progress } from "../../domain/downloads/progress.ts";
import { noteProgress, waitersOf } from "../../models/downloads/index.ts";
import type { CarriedFailure, FetchRef } from "./contract.ts";
import type { DownloadTools } from "./tools.ts";

const BEAT_MS = 1_000;
/** People see no more in a second. */
const TELL_MS = 500;
const WRITE_MS = 2_000;

/** Runs work that lasts: it says every second that it lives. What was cancelled ends as cancelled. */
export async function lasting<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const beat = setInterval(() => heartbeat(), BEAT_MS);
  const signal = cancellationSignal();
  try {
    return await body(signal);
  } catch (error) {
    if (signal.aborted) await Context.current().cancelled;
    throw error;
  } finally {
    clearInterval(beat);
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

/** Tells how far one try is: everybody who listens twice a second, the rows of who waits for it every other. */
export async function tellProgress(
  { database, bus }: Pick<DownloadTools, "database" | "bus">,
  of: FetchRef,
  attempt: number,
): Promise<(heard: Heard) => void> {
  let rows = await waitersOf(of);
  const advance = createProgress();
  let [toldAt, writtenAt] = [-Infinity, -Infinity];
  let phase: Progress["phase"] | undefined;
  return (heard) => {
    const progress = advance(heard);
    const now = performance.now();
    const isNews = progress.phase !== phase;
    if (!isNews && now - toldAt < TELL_MS) return;
    [toldAt, phase] = [now, progress.phase];
    for (const { id: downloadId, serial: historyId, accountId } of rows) {
      const about = { accountId, downloadId, historyId, attempt };
      void bus.announce({ type: "download.progressed", data: { ...progress, ...about } });
    }
    if (!isNews && now - writtenAt < WRITE_MS) return;
    writtenAt = now;
    const write = async () => {
      rows = await waitersOf(of);
      for (const { id } of rows) await noteProgress(database, id, progress);
    };
    // Whoever misses it sees the next one.
    write().catch(() => undefined);
  };
}
