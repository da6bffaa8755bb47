import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  condition,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  uuid4,
} from "@temporalio/workflow";
import type {
  CarriedFailure,
  DownloadActivities,
  StoredMedia,
  TakenUp,
} from "../../activities/downloads/index.ts";
import { pauseBefore } from "../../domain/downloads.ts";
import { failureOf, isRetried } from "../../domain/downloads/failures.ts";
import { LIMITS } from "../../domain/limits.ts";
import { QUEUES } from "../../domain/queues.ts";
import { onHeldFunds } from "../helpers/funds.ts";
import { enterStage } from "../helpers/stage.ts";
import type { Desk } from "./desk.ts";

const fetching = {
  taskQueue: QUEUES.download,
  heartbeatTimeout: "10 seconds",
  // Whoever writes in its folder has stopped before anything else is done there.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  // A worker that was lost, or has no yt-dlp yet: no failure of the source's.
  retry: { initialInterval: "1 second", maximumInterval: "30 seconds", maximumAttempts: 50 },
} as const;

const { fetchMedia } = proxyActivities<DownloadActivities>({
  ...fetching,
  startToCloseTimeout: (LIMITS.downloadSeconds + 3600) * 1000,
  summary: "fetch the media, and store it",
});

const { readMedia } = proxyActivities<DownloadActivities>({
  ...fetching,
  startToCloseTimeout: "10 minutes",
  summary: "ask the source what it has",
});

const { noteNextTry, noteGoingOn } = proxyActivities<DownloadActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "30 seconds",
  retry: { maximumInterval: "30 seconds" },
});

/** Money stays held for so long without a word of a workflow whose worker is away. */
const LEASE_SECONDS = 6 * 3600;

/** What was fetched, and the hold that it was charged out of. */
export interface Fetched {
  media: StoredMedia;
  holdId: string | null;
}

/** Fetches the media, in as many tries as there may be; where it costs something, while the money for it is held. */
export async function fetchInTries(
  downloadId: string,
  taken: TakenUp,
  desk: Desk,
): Promise<Fetched> {
  const tries = countTries(downloadId, taken, desk);
  const fetch = () => tries((attempt) => fetchMedia({ downloadId, attempt }));
  if (!taken.isCharged) return { media: await fetch(), holdId: null };
  const { bytes } = await tries((attempt) => readMedia({ downloadId, attempt }));
  const holdId = uuid4();
  const usage = { bytesIn: bytes ?? taken.maxBytes };
  const about = { taskId: downloadId, description: "A download" };
  const order = { holdId, accountId: taken.accountId, usage, leaseSeconds: LEASE_SECONDS };
  const media = await onHeldFunds({ ...order, ...about }, async () => {
    const value = await fetch();
    return { usage: { bytesIn: value.bytes }, value };
  });
  return { media, holdId };
}

/** Runs work again after each failure that may pass, at times that everybody can see; the tries of all work add up. */
function countTries(downloadId: string, taken: TakenUp, desk: Desk) {
  let failures = 0;
  return async <T>(work: (attempt: number) => Promise<T>): Promise<T> => {
    for (;;) {
      enterStage("fetching");
      try {
        return await work(taken.attempts + failures + 1);
      } catch (error) {
        if (isCancellation(error)) throw error;
        const failure = failureIn(error);
        failures++;
        const pause = isRetried(failure.kind)
          ? pauseBefore(failures + 1, taken.retryPausesSeconds, failure.retryAfterSeconds)
          : undefined;
        if (pause === undefined) throw error;
        await waitForNextTry(downloadId, desk, failure, pause);
      }
    }
  };
}

async function waitForNextTry(
  downloadId: string,
  desk: Desk,
  failure: CarriedFailure,
  pauseSeconds: number,
): Promise<void> {
  const nextTryAt = Date.now() + pauseSeconds * 1000;
  desk.isWaiting = true;
  await noteNextTry({ downloadId, failure, nextTryAt });
  enterStage("waiting", failure.code);
  const until = new Date(nextTryAt).toISOString();
  setCurrentDetails(`${failure.message}\n\nThe next try is at ${until}.`);
  await condition(() => !desk.isWaiting, Math.max(1, nextTryAt - Date.now()), {
    summary: `until the next try, after ${failure.code}`,
  });
  desk.isWaiting = false;
  setCurrentDetails("");
  await noteGoingOn({ downloadId });
}

/** Why a download cannot go on, out of whatever an activity has thrown. */
export function failureIn(error: unknown): CarriedFailure {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure)) return failureOf("downloads/failed", "terminal");
  if (cause.type === "billing/insufficient-balance") {
    const message = "余额不足";
    return { code: "downloads/insufficient-balance", kind: "terminal", message };
  }
  const [carried] = (cause.details ?? []) as [CarriedFailure?];
  return carried?.kind ? carried : failureOf("downloads/failed", "terminal");
}
