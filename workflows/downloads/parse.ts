import { proxyActivities } from "@temporalio/workflow";
import type { DownloadActivities, ParseOrder } from "../../activities/downloads/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { enterStage } from "../helpers/stage.ts";

const { parseMedia } = proxyActivities<DownloadActivities>({
  taskQueue: QUEUES.download,
  startToCloseTimeout: "2 minutes",
  heartbeatTimeout: "10 seconds",
  retry: { maximumAttempts: 3 },
  summary: "ask the source what it has",
});

/** What a source has, asked while somebody waits for it: whoever asks the same meanwhile waits with them. */
export async function mediaParse(order: ParseOrder): Promise<void> {
  enterStage("asking");
  await parseMedia(order);
  enterStage("done");
}
