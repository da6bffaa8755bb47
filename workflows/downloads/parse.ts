import { proxyActivities } from "@temporalio/workflow";
import type { DownloadActivities, ParseOrder } from "../../activities/downloads/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { enterStage } from "../helpers/stage.ts";
import { byProxy, carriedIn, findProxy } from "./way-out.ts";

const { parseMedia } = proxyActivities<DownloadActivities>({
  taskQueue: QUEUES.download,
  startToCloseTimeout: "2 minutes",
  heartbeatTimeout: "10 seconds",
  retry: { maximumAttempts: 3 },
  summary: "ask the source what it has",
});

/** Somebody waits for it: what takes longer is ended, and may not say so any more. */
const HELD_SECONDS = 180;

/** What a source has, asked while somebody waits for it: whoever asks the same meanwhile waits with them. */
export async function mediaParse(order: ParseOrder): Promise<void> {
  enterStage("asking");
  const { platform, ...asked } = order;
  if (platform === undefined) await parseMedia(asked);
  else await askByProxy(asked, platform);
  enterStage("done");
}

/** A proxy that fails is not the source's fault: another one is asked, once. */
async function askByProxy(order: ParseOrder, platform: string): Promise<void> {
  const about = { taskId: order.addressHash, platform };
  const outing = { ...about, stage: "parse" as const, seconds: HELD_SECONDS };
  const ask = async () =>
    byProxy(await findProxy(outing), (leaseId) =>
      parseMedia({ ...order, ...(leaseId && { leaseId }) }),
    );
  try {
    await ask();
  } catch (error) {
    if (carriedIn(error)?.kind !== "proxy") throw error;
    await ask();
  }
}
