import { CancellationScope, proxyActivities, setCurrentDetails } from "@temporalio/workflow";
import type { CardActivities } from "../../activities/cards/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { reasonOf } from "../helpers/failure.ts";
import { enterStage } from "../helpers/stage.ts";

const { makeCards } = proxyActivities<CardActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "1 minute",
  heartbeatTimeout: "10 seconds",
  retry: {
    initialInterval: "100ms",
    maximumInterval: "30 seconds",
    maximumAttempts: 100,
  },
  summary: "make cards",
});

const { failCards } = proxyActivities<CardActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 seconds",
  retry: { maximumInterval: "30 seconds" },
  summary: "write down why no more cards are made",
});

/** One batch: its cards are made, stretch by stretch, until there are as many as were ordered. */
export async function cardBatch({ batchId }: { batchId: string }): Promise<number> {
  enterStage("generating");
  try {
    for (;;) {
      const made = await makeCards({ batchId });
      // Completed or failed by somebody else.
      if (!made) break;
      setCurrentDetails(`- made: ${made.generated} of ${made.count}`);
      if (made.generated < made.count) continue;
      enterStage("completed");
      return made.count;
    }
    enterStage("over");
    return 0;
  } catch (error) {
    const reason = reasonOf(error);
    await CancellationScope.nonCancellable(() => failCards({ batchId, reason }));
    enterStage("failed", "cards/batch-failed");
    throw error;
  }
}
