import {
  allHandlersFinished,
  CancellationScope,
  condition,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  TemporalFailure,
} from "@temporalio/workflow";
import type { DownloadActivities, DownloadRef, TakenUp } from "../../activities/downloads/index.ts";
import type { DownloadState } from "../../domain/downloads.ts";
import { QUEUES } from "../../domain/queues.ts";
import { enterStage } from "../helpers/stage.ts";
import { beginLife, type Desk, endCancelling, openDesk } from "./desk.ts";
import { CANCELLED, endUnwanted, tellEnded } from "./together.ts";
import { failureIn, fetchForOne } from "./fetching.ts";
import { tidyUp } from "./tidying.ts";

const {
  takeUpDownload,
  finishDownload,
  failDownload,
  moveExpiry,
  keepForEver,
  expireDownload,
  removeFile,
} = proxyActivities<DownloadActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 minutes",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
});

/**
 * One download: its media is fetched, kept for its time or for ever, and removed. What was over and is told something
 * begins again where its row stands. Answers the state in which it ends.
 */
export async function download({ downloadId }: DownloadRef): Promise<DownloadState | "over"> {
  const desk = openDesk({
    moveExpiry: (expireAt) => moveExpiry({ downloadId, expireAt }),
    keepForEver: () => keepForEver({ downloadId }),
  });
  for (;;) {
    [desk.isToldAnew, desk.isClosing] = [false, false];
    const end = await live(downloadId, desk);
    if (!desk.isToldAnew) return end;
  }
}

/** One life, from where its row stands to where nothing is left to be done. */
async function live(downloadId: string, desk: Desk): Promise<DownloadState | "over"> {
  const taken = await takeUpDownload({ downloadId });
  if (!taken) return "over";
  beginLife(desk, taken);
  desk.expireAt = taken.expireAt;

  const isToFetch = desk.state === "queued" || desk.state === "working";
  if (isToFetch) {
    // Whoever told it to begin has been heard.
    desk.isToldAnew = false;
    await fetch(downloadId, taken, desk);
    const { parentId } = taken;
    if (parentId) await CancellationScope.nonCancellable(() => tellEnded(parentId));
  }
  const tidied = isToFetch ? tidyUp({ downloadId }) : undefined;
  if (desk.state === "ready") {
    await CancellationScope.nonCancellable(() => keepForItsTime(downloadId, desk));
  }
  if (desk.wanted === "remove") await removeFile({ downloadId });
  desk.isClosing = true;
  enterStage(desk.wanted === "remove" ? "removed" : desk.state);
  await tidied;
  await condition(allHandlersFinished);
  return desk.state;
}

/** The media is fetched and stored; or there is nothing of it, and its row says why. */
async function fetch(downloadId: string, taken: TakenUp, desk: Desk): Promise<void> {
  const scope = new CancellationScope();
  desk.interrupt = () => scope.cancel();
  if (desk.wanted) scope.cancel();
  try {
    const { media, holdId } = await scope.run(() => fetchForOne(downloadId, taken, desk));
    const order = { downloadId, media, ttlSeconds: taken.ttlSeconds, holdId };
    const finished = await CancellationScope.nonCancellable(() => finishDownload(order));
    desk.expireAt = finished.expireAt;
    desk.state = taken.ttlSeconds === null ? "kept" : "ready";
  } catch (error) {
    // Anything else is a bug: the workflow waits for better code.
    if (!(error instanceof TemporalFailure)) throw error;
    const failure = isCancellation(error) ? CANCELLED : failureIn(error);
    desk.state = "failed";
    await CancellationScope.nonCancellable(async () => {
      const unwanted = await failDownload({ downloadId, failure });
      if (unwanted) await endUnwanted(unwanted);
    });
    setCurrentDetails(failure.message);
  } finally {
    endCancelling(desk);
  }
}

/** A timer that survives everything; what is told meanwhile moves it, or ends it. */
async function keepForItsTime(downloadId: string, desk: Desk): Promise<void> {
  enterStage("ready");
  const isOver = () => desk.state !== "ready" || desk.wanted === "remove";
  while (!isOver() && desk.expireAt !== null && desk.expireAt > Date.now()) {
    const until = desk.expireAt;
    const summary = `until ${new Date(until).toISOString()}`;
    setCurrentDetails(`The file is there ${summary}.`);
    await condition(() => isOver() || desk.expireAt !== until, until - Date.now(), { summary });
    // Whoever came before the end is not late.
    await condition(allHandlersFinished);
  }
  if (isOver()) return;
  desk.state = "expired";
  await expireDownload({ downloadId });
}
