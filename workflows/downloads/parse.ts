import { proxyActivities, uuid4 } from "@temporalio/workflow";
import type { DownloadActivities, ParseOrder } from "../../activities/downloads/index.ts";
import { refusal } from "../../domain/errors.ts";
import { QUEUES } from "../../domain/queues.ts";
import { enterStage } from "../helpers/stage.ts";
import { type GateWait, passGates } from "../gates.ts";
import { behindGates, byProxy, carriedIn, findProxy } from "./way-out.ts";

const { parseMedia } = proxyActivities<DownloadActivities>({
  taskQueue: QUEUES.download,
  startToCloseTimeout: "2 minutes",
  heartbeatTimeout: "10 seconds",
  retry: { maximumAttempts: 3 },
  summary: "ask the source what it has",
});

/** While somebody waits for the answer, gates are looked at so often. */
const LOOK_AGAIN_MS = 2_000;
/** Whoever would wait for longer is told so instead. */
const PATIENCE_MS = 60_000;
/** Somebody waits for it: what takes longer is ended, and may not say so any more. */
const HELD_SECONDS = 180;

/** What a source has, asked while somebody waits for it: whoever asks the same meanwhile waits with them. */
export async function mediaParse(order: ParseOrder): Promise<void> {
  const { platform, gates, ...asked } = order;
  enterStage("asking");
  const ask = () => (platform === undefined ? parseMedia(asked) : askByProxy(asked, platform));
  if (gates) await askBehindGates(gates, ask);
  else await ask();
  enterStage("done");
}

/** Asking is as much to a host as fetching: it takes a place, and hears when it is sent away. */
async function askBehindGates(keys: string[], ask: () => Promise<void>): Promise<void> {
  const order = { holder: uuid4(), keys, seconds: HELD_SECONDS };
  const onWait = async ({ why, until }: GateWait) => {
    if (why === "closed" && until - Date.now() > PATIENCE_MS) {
      const when = new Date(until).toISOString();
      throw refusal(
        "downloads/rate-limited",
        `This source wants to be left alone until ${when}. Ask again then.`,
      );
    }
    enterStage("waiting", "gate");
  };
  const enter = async () => {
    await passGates(order, onWait, LOOK_AGAIN_MS);
    enterStage("asking");
  };
  await behindGates(order, enter, ask);
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
