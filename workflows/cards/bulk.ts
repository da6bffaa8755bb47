import { CancellationScope, proxyActivities, setCurrentDetails } from "@temporalio/workflow";
import type { CardActivities } from "../../activities/cards/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { reasonOf } from "../helpers/failure.ts";
import { enterStage } from "../helpers/stage.ts";

const { carryBulk } = proxyActivities<CardActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "1 minute",
  heartbeatTimeout: "10 seconds",
  retry: {
    initialInterval: "100ms",
    maximumInterval: "30 seconds",
    maximumAttempts: 100,
  },
  summary: "change cards",
});

const { failBulk } = proxyActivities<CardActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 seconds",
  retry: { maximumInterval: "30 seconds" },
  summary: "write down why no more cards are changed",
});

/** Something that was ordered of many cards, or its undoing: it is done stretch by stretch, until no card is left. */
export async function cardBulk({ bulkId }: { bulkId: string }): Promise<void> {
  enterStage("running");
  try {
    for (;;) {
      const reached = await carryBulk({ bulkId });
      // Completed, undone or failed by somebody else.
      if (!reached) break;
      const { state, looked, total, held } = reached;
      setCurrentDetails(`- ${state}: ${looked} of ${total}\n- refused or kept: ${held}`);
      enterStage(state);
      if (state !== "running" && state !== "undoing") return;
    }
    enterStage("over");
  } catch (error) {
    const reason = reasonOf(error);
    await CancellationScope.nonCancellable(() => failBulk({ bulkId, reason }));
    enterStage("failed", "cards/bulk-failed");
    throw error;
  }
}
