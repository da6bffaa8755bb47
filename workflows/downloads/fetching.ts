import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  condition,
  isCancellation,
  patched,
  proxyActivities,
  setCurrentDetails,
  uuid4,
} from "@temporalio/workflow";
import type {
  CarriedFailure,
  DownloadActivities,
  FetchRef,
  StoredMedia,
  TakenUp,
  Try,
  WayOut,
} from "../../activities/downloads/index.ts";
import { pauseBefore } from "../../domain/downloads.ts";
import { failureOf, isRetried } from "../../domain/downloads/failures.ts";
import { roomPauseSeconds } from "../../domain/disks.ts";
import { LIMITS } from "../../domain/limits.ts";
import { QUEUES } from "../../domain/queues.ts";
import { onHeldFunds } from "../helpers/funds.ts";
import { enterStage } from "../helpers/stage.ts";
import type { Desk } from "./desk.ts";
import { fetchTogether } from "./together.ts";
import { onTheWay } from "./way-out.ts";

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

const { noteNextTry, noteWaiting, noteGoingOn } = proxyActivities<DownloadActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "30 seconds",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
});

/** Money stays held for so long without a word of a workflow whose worker is away. */
const LEASE_SECONDS = 6 * 3600;

/** What was fetched, and the hold that it was charged out of. */
export interface Fetched {
  media: StoredMedia;
  holdId: string | null;
}

/**
 * Fetches the media, alone or with others; where it costs something, while the money for it is held. Alone, what the
 * source has is read, and paid for, on the way of the first try itself. What others want too is fetched by a workflow of
 * its own, on ways of its own: there it is read before, on another one.
 */
export async function fetchForOne(
  downloadId: string,
  taken: TakenUp,
  desk: Desk,
): Promise<Fetched> {
  const of = { downloadId };
  const tries = countTries(of, taken, desk);
  const { wishHash, way } = taken;
  const fetch = (prepare?: Prepare) =>
    wishHash ? fetchTogether(downloadId, wishHash) : fetchInTries(of, way, tries, prepare);
  if (!taken.isCharged) return { media: await fetch(), holdId: null };
  const estimate = async (one: Try) => {
    const { bytes } = await readMedia({ ...of, ...one });
    return { bytesIn: bytes ?? taken.maxBytes };
  };
  const readFirst = () =>
    tries((attempt) =>
      onTheWay({ of, way, attempt, stage: "parse" }, (leaseId) =>
        estimate({ attempt, ...(leaseId && { leaseId }) }),
      ),
    );
  const isReadAlone = wishHash !== undefined || !patched("one-way-out-a-try");
  const known = isReadAlone ? await readFirst() : undefined;
  const holdId = uuid4();
  const about = { taskId: downloadId, description: "A download" };
  const order = { holdId, accountId: taken.accountId, leaseSeconds: LEASE_SECONDS, ...about };
  const media = await onHeldFunds(order, async (hold) => {
    if (known) await hold(async () => known);
    const value = await fetch((one) => hold(() => estimate(one)));
    return { usage: { bytesIn: value.bytes }, value };
  });
  return { media, holdId };
}

/** What is done on the way of a try before anything is fetched. */
type Prepare = (one: Try) => Promise<void>;

/** Fetches the media, in as many tries as there may be. */
export function fetchInTries(
  of: FetchRef,
  way: WayOut | undefined,
  tries: Tries,
  prepare?: Prepare,
): Promise<StoredMedia> {
  return tries((attempt) =>
    onTheWay({ of, way, attempt, stage: "download" }, async (leaseId) => {
      const one = { attempt, ...(leaseId && { leaseId }) };
      await prepare?.(one);
      return fetchMedia({ ...of, ...one });
    }),
  );
}

/** Who may be told not to wait any longer. */
type Waiter = Pick<Desk, "isWaiting">;

/** Work that may be tried again. */
type Tries = <T>(work: (attempt: number) => Promise<T>) => Promise<T>;

/** Runs work again after each failure that may pass, at times that everybody can see; the tries of all work add up. */
export function countTries(
  of: FetchRef,
  { attempts, retryPausesSeconds }: Pick<TakenUp, "attempts" | "retryPausesSeconds">,
  desk: Waiter,
): Tries {
  let failures = 0;
  let withoutRoom = 0;
  return async (work) => {
    for (;;) {
      enterStage("fetching");
      try {
        return await work(attempts + failures + 1);
      } catch (error) {
        if (isCancellation(error)) throw error;
        const failure = failureIn(error);
        if (failure.waitsFor) {
          await waitForRoom(of, desk, roomPauseSeconds(++withoutRoom));
          continue;
        }
        failures++;
        withoutRoom = 0;
        const pause = isRetried(failure.kind)
          ? pauseBefore(failures + 1, retryPausesSeconds, failure.retryAfterSeconds)
          : undefined;
        if (pause === undefined) throw error;
        await waitForNextTry(of, desk, failure, pause);
      }
    }
  };
}

async function waitForNextTry(
  of: FetchRef,
  desk: Waiter,
  failure: CarriedFailure,
  pauseSeconds: number,
): Promise<void> {
  await waitFor(pauseSeconds, desk, of, {
    note: (nextTryAt) => noteNextTry({ ...of, failure, nextTryAt }),
    stage: failure.code,
    says: (until) => `${failure.message}\n\nThe next try is at ${until}.`,
    summary: `until the next try, after ${failure.code}`,
  });
}

/** What it held on its way was given back before: whoever has room goes first. */
async function waitForRoom(of: FetchRef, desk: Waiter, pauseSeconds: number): Promise<void> {
  await waitFor(pauseSeconds, desk, of, {
    note: (nextTryAt) => noteWaiting({ ...of, waitingFor: "disk", nextTryAt }),
    stage: "disk",
    says: (until) => `There is no room on the disk for it now. The next look is at ${until}.`,
    summary: "until there is room on the disk",
  });
}

/** What people are told of a pause. */
interface Pause {
  note: (nextTryAt: number) => Promise<void>;
  stage: string;
  says: (until: string) => string;
  summary: string;
}

async function waitFor(
  seconds: number,
  desk: Waiter,
  of: FetchRef,
  { note, stage, says, summary }: Pause,
): Promise<void> {
  const nextTryAt = Date.now() + seconds * 1000;
  desk.isWaiting = true;
  await note(nextTryAt);
  enterStage("waiting", stage);
  setCurrentDetails(says(new Date(nextTryAt).toISOString()));
  await condition(() => !desk.isWaiting, Math.max(1, nextTryAt - Date.now()), { summary });
  desk.isWaiting = false;
  setCurrentDetails("");
  await noteGoingOn(of);
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
