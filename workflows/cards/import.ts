import { CancellationScope, proxyActivities, setCurrentDetails } from "@temporalio/workflow";
import type { CardActivities } from "../../activities/cards/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { reasonOf } from "../helpers/failure.ts";
import { enterStage } from "../helpers/stage.ts";

const { takeCardsIn } = proxyActivities<CardActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "2 minutes",
  heartbeatTimeout: "10 seconds",
  retry: {
    initialInterval: "100ms",
    maximumInterval: "30 seconds",
    maximumAttempts: 100,
  },
  summary: "take cards in",
});

const { dropImport, failImport } = proxyActivities<CardActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 seconds",
  retry: { maximumInterval: "30 seconds" },
  summary: "write down what became of the import",
});

/** Cards of somewhere else: their lines are taken in, stretch by stretch, until none is left; then they are dropped. */
export async function cardImport({ importId }: { importId: string }): Promise<void> {
  enterStage("importing");
  try {
    for (;;) {
      const reached = await takeCardsIn({ importId });
      // Completed or failed by somebody else.
      if (!reached) break;
      const { looked, lines, imported } = reached;
      setCurrentDetails(`- looked at: ${looked} of ${lines} lines\n- cards: ${imported}`);
      if (reached.isOver) break;
    }
    await dropImport({ importId });
    enterStage("completed");
  } catch (error) {
    const reason = reasonOf(error);
    await CancellationScope.nonCancellable(() => failImport({ importId, reason }));
    enterStage("failed", "cards/import-failed");
    throw error;
  }
}
