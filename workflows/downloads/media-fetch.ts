import {
  CancellationScope,
  isCancellation,
  proxyActivities,
  TemporalFailure,
} from "@temporalio/workflow";
import type { DownloadActivities, MediaEnd, MediaRef } from "../../activities/downloads/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { enterStage } from "../helpers/stage.ts";
import { hearTryNow } from "./desk.ts";
import { countTries, failureIn, fetchInTries } from "./fetching.ts";
import { tidyUp } from "./tidying.ts";
import { CANCELLED, tellEnded } from "./together.ts";

const { takeUpMedia, endSharedMedia } = proxyActivities<DownloadActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 minutes",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
});

/** Fetches once what several downloads want, and tells them. It is cancelled when none of them does any more. */
export async function mediaFetch({ mediaId }: MediaRef): Promise<MediaEnd | null> {
  const end = await fetch(mediaId);
  if (!end) return null;
  await CancellationScope.nonCancellable(async () => {
    const waiting = await endSharedMedia({ mediaId, end });
    await Promise.all(waiting.map(tellEnded));
    enterStage("media" in end ? "stored" : "failed");
    await tidyUp({ mediaId });
  });
  return end;
}

async function fetch(mediaId: string): Promise<MediaEnd | undefined> {
  const desk = { isWaiting: false };
  hearTryNow(desk);
  try {
    const order = await takeUpMedia({ mediaId });
    if (!order) return undefined;
    const of = { mediaId };
    return { media: await fetchInTries(of, order.way, countTries(of, order, desk)) };
  } catch (error) {
    // Anything else is a bug: the workflow waits for better code.
    if (!(error instanceof TemporalFailure)) throw error;
    return {
      failure: isCancellation(error) ? { ...CANCELLED, kind: "terminal" } : failureIn(error),
    };
  }
}
