import {
  ChildWorkflowCancellationType,
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  startChild,
  TemporalFailure,
} from "@temporalio/workflow";
import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import type {
  DownloadActivities,
  MediaRef,
  Shared,
  StoredMedia,
} from "../../activities/downloads/index.ts";
import { workflowId } from "../../domain/ids.ts";
import { QUEUES } from "../../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { failed } from "./way-out.ts";

const { joinSharedMedia, endSharedMedia } = proxyActivities<DownloadActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "2 minutes",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
});

/** Why something ended that somebody has cancelled. */
export const CANCELLED = { code: "downloads/cancelled", message: "It was cancelled." } as const;

/** What several wait for has ended: whoever waits looks at it. */
export const mediaEnded = defineSignal("mediaEnded");

/** Should the word get lost, it is looked at all the same. */
export const LOOK_MS = 600_000;

/** Waits for media that one workflow fetches for all who want the same; the first to want it has that started. */
export async function fetchTogether(downloadId: string, wishHash: string): Promise<StoredMedia> {
  let isTold = false;
  setHandler(mediaEnded, () => void (isTold = true), {
    description: "Look how what is shared with others has ended.",
  });
  for (;;) {
    isTold = false;
    const shared = await joinSharedMedia({ downloadId, wishHash });
    if (shared.end) {
      if ("media" in shared.end) return shared.end.media;
      throw failed(shared.end.failure);
    }
    await startFetch(shared);
    await condition(() => isTold, LOOK_MS, { summary: "until what is shared has been fetched" });
  }
}

/** It outlives whoever started it, for others may wait for it. */
async function startFetch({ mediaId, ...shared }: Shared): Promise<void> {
  try {
    await startChild("mediaFetch", {
      workflowId: idOf({ mediaId, ...shared }),
      args: [{ mediaId } satisfies MediaRef],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: "Fetch media for everybody who wants it",
      typedSearchAttributes: [
        { key: SEARCH_ATTRIBUTES.kind, value: "fetch" },
        { key: SEARCH_ATTRIBUTES.subject, value: mediaId },
      ],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

/** Tells a download that what it waits for has ended. Whoever is over does not need to know. */
export async function tellEnded(downloadId: string): Promise<void> {
  const waiting = getExternalWorkflowHandle(workflowId("download", downloadId));
  await waiting.signal(mediaEnded).catch(unlessBug);
}

/** Ends a fetch that nobody waits for any more. One that never began leaves nothing either. */
export async function endUnwanted(shared: Shared): Promise<void> {
  try {
    await getExternalWorkflowHandle(idOf(shared)).cancel();
  } catch (error) {
    unlessBug(error);
    const failure = { ...CANCELLED, kind: "terminal" } as const;
    await endSharedMedia({ mediaId: shared.mediaId, end: { failure } });
  }
}

function unlessBug(error: unknown): void {
  if (!(error instanceof TemporalFailure)) throw error;
}

function idOf({ wishHash, mediaId }: Shared): string {
  return workflowId("fetch", wishHash, mediaId);
}
