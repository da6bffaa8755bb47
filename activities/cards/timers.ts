import { heartbeat } from "@temporalio/activity";
import {
  endCardsWith,
  endDueCards,
  forgetBulkResults,
  forgetImportFaults,
  lookAtCard,
  type Mended,
  mendTimers,
  MOST_AT_ONCE,
  removeDeletedCards,
  restWheel,
} from "../../models/cards/index.ts";
import type { CardTools } from "./tools.ts";

/** When something is due next, in epoch milliseconds; null when nothing is. */
export interface NextDue {
  dueAt: number | null;
}

/** How far behind a timer may be before it counts as lost. */
const GRACE_SECONDS = 60;

/** What runs inside the worker that runs the workflow: it only looks, at one row. */
export function createCardLooks({ database }: Pick<CardTools, "database">) {
  return {
    /** Twice: what it finds is as it is then; a card without a clock has no timer, however often that is said. */
    async lookAtCard({ cardId }: { cardId: string }): Promise<NextDue> {
      return nextDue(await lookAtCard(database, cardId));
    },
  };
}

export type CardLooks = ReturnType<typeof createCardLooks>;

/** How cards come to their end. */
export function createTimerActivities({
  database,
  cardRestoreSeconds,
  cardResultsSeconds,
}: Pick<CardTools, "database" | "cardRestoreSeconds" | "cardResultsSeconds">) {
  return {
    /** Twice: what has ended is not due any more. */
    async endCardsWith({ cardId }: { cardId: string }): Promise<NextDue> {
      return nextDue(await endCardsWith(database, cardId));
    },

    /** Twice: what has ended is not due any more. */
    async turnWheel({ shard }: { shard: number }): Promise<NextDue & { ended: number }> {
      let ended = 0;
      for (let last = MOST_AT_ONCE; last === MOST_AT_ONCE; ended += last) {
        last = await endDueCards(database, shard);
        heartbeat(ended);
      }
      return { ended, ...nextDue(await restWheel(database, shard)) };
    },

    /** Twice: timers that are there stay, and whoever hears of them once more only looks. */
    async mendCardTimers(): Promise<Mended> {
      return mendTimers(database, GRACE_SECONDS);
    },

    /** Twice: what is gone is not there any more. */
    async removeDeletedCards(): Promise<number> {
      const deletedBefore = new Date(Date.now() - cardRestoreSeconds * 1000);
      let removed = 0;
      for (let last = MOST_AT_ONCE; last === MOST_AT_ONCE; removed += last) {
        last = await removeDeletedCards(database, deletedBefore);
        heartbeat(removed);
      }
      return removed;
    },

    /** Twice: what is gone is not there any more. */
    async forgetCardResults(): Promise<number> {
      const endedBefore = new Date(Date.now() - cardResultsSeconds * 1000);
      let forgotten = 0;
      for (const forget of [forgetBulkResults, forgetImportFaults]) {
        for (let last = await forget(database, endedBefore); last !== null;) {
          heartbeat((forgotten += last));
          last = await forget(database, endedBefore);
        }
      }
      return forgotten;
    },
  };
}

function nextDue(dueAt: Date | null): NextDue {
  return { dueAt: dueAt?.getTime() ?? null };
}
