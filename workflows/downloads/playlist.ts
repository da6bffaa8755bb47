import {
  ActivityCancellationType,
  allHandlersFinished,
  CancellationScope,
  condition,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  TemporalFailure,
} from "@temporalio/workflow";
import type { DownloadActivities, DownloadRef, TakenUp } from "../../activities/downloads/index.ts";
import type { DownloadState } from "../../domain/downloads.ts";
import { QUEUES } from "../../domain/queues.ts";
import { enterStage } from "../helpers/stage.ts";
import { beginLife, type Desk, endCancelling, openDesk } from "./desk.ts";
import { countTries, failureIn } from "./fetching.ts";
import { tidyUp } from "./tidying.ts";
import { CANCELLED, LOOK_MS, mediaEnded } from "./together.ts";
import { onTheWay } from "./way-out.ts";

const {
  takeUpDownload,
  beginMedia,
  followMedia,
  finishList,
  failDownload,
  cancelMedia,
  removeMedia,
} = proxyActivities<DownloadActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 minutes",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
});

const { readList } = proxyActivities<DownloadActivities>({
  taskQueue: QUEUES.download,
  startToCloseTimeout: "10 minutes",
  heartbeatTimeout: "10 seconds",
  // Whoever writes the list down has stopped before it is ended.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: "1 second", maximumInterval: "30 seconds", maximumAttempts: 50 },
  summary: "ask the source what is on the list",
});

/** Many may end at once: they are looked at together. */
const PAUSE_MS = 1_000;

const NOTHING_OF_IT = {
  code: "downloads/failed",
  message: "Nothing on this list could be fetched: its downloads say why.",
} as const;

/** A list has no file: there is no end of one to move. */
const NO_FILE = { moveExpiry: () => Promise.resolve(), keepForEver: () => Promise.resolve() };

/**
 * A list: its media are downloads of their own, begun and followed until all of them are over. What was over and is told
 * something begins again where its row stands. Answers the state in which it ends.
 */
export async function playlist({ downloadId }: DownloadRef): Promise<DownloadState | "over"> {
  const desk = openDesk(NO_FILE);
  const news = { isTold: false };
  setHandler(mediaEnded, () => void (news.isTold = true), {
    description: "Look how the media of this list stand.",
  });
  for (;;) {
    [desk.isToldAnew, desk.isClosing] = [false, false];
    const end = await live(downloadId, desk, news);
    if (!desk.isToldAnew) return end;
  }
}

/** Set when something on the list has ended. */
interface News {
  isTold: boolean;
}

async function live(downloadId: string, desk: Desk, news: News): Promise<DownloadState | "over"> {
  const taken = await takeUpDownload({ downloadId });
  if (!taken) return "over";
  beginLife(desk, taken);
  if (desk.state === "queued" || desk.state === "working") {
    // Whoever told it to begin has been heard.
    desk.isToldAnew = false;
    await seeThrough(downloadId, taken, desk, news);
    await tidyUp({ downloadId });
  }
  if (desk.wanted === "remove") await removeMedia({ downloadId });
  desk.isClosing = true;
  enterStage(desk.wanted === "remove" ? "removed" : desk.state);
  await condition(allHandlersFinished);
  return desk.state;
}

/** Everything on the list is fetched, as far as it can be; or there is nothing of it, and its row says why. */
async function seeThrough(
  downloadId: string,
  taken: TakenUp,
  desk: Desk,
  news: News,
): Promise<void> {
  const scope = new CancellationScope();
  desk.interrupt = () => scope.cancel();
  if (desk.wanted) scope.cancel();
  const failed = async (failure: Parameters<typeof failDownload>[0]["failure"]) => {
    desk.state = "failed";
    await failDownload({ downloadId, failure });
    setCurrentDetails(failure.message);
  };
  try {
    const done = await scope.run(() => fetchAll(downloadId, taken, desk, news));
    if (done === 0) return await failed(NOTHING_OF_IT);
    desk.state = "kept";
    await finishList({ downloadId });
  } catch (error) {
    // Anything else is a bug: the workflow waits for better code.
    if (!(error instanceof TemporalFailure)) throw error;
    await CancellationScope.nonCancellable(async () => {
      await cancelMedia({ downloadId });
      await failed(isCancellation(error) ? CANCELLED : failureIn(error));
    });
  } finally {
    endCancelling(desk);
  }
}

/** Reads the list if nobody has, has its media fetched, and waits for all of them. Answers how many were. */
async function fetchAll(
  downloadId: string,
  taken: TakenUp,
  desk: Desk,
  news: News,
): Promise<number> {
  const of = { downloadId };
  const { way } = taken;
  if (!taken.isListed) {
    const tries = countTries(of, taken, desk);
    await tries((attempt) =>
      onTheWay({ of, way, attempt, stage: "parse" }, (leaseId) =>
        readList({ downloadId, attempt, ...(leaseId && { leaseId }) }),
      ),
    );
  }
  enterStage("fetching");
  await beginMedia({ downloadId });
  for (;;) {
    news.isTold = false;
    const { left, done } = await followMedia({ downloadId });
    if (left === 0) return done;
    setCurrentDetails(`${left} on this list are under way.`);
    await condition(() => news.isTold, LOOK_MS, { summary: "until one on the list has ended" });
    await sleep(PAUSE_MS);
  }
}
