import type { BulkState } from "../../domain/cards.ts";
import { heartbeat } from "@temporalio/activity";
import {
  beginBulk,
  type CardBulk,
  failBulk,
  stepBulk,
  taskOfBulk,
} from "../../models/cards/index.ts";
import type { CardTools } from "./tools.ts";

/** After so long the workflow hears how far it is. */
const REPORT_MS = 5_000;

/** How far a bulk is, or its undoing. */
export interface BulkProgress {
  state: BulkState;
  /** So many cards have been looked at, of so many; and of these so many stay as they are. */
  looked: number;
  total: number;
  held: number;
}

/** How what is ordered of many cards is done. */
export function createBulkActivities({
  database,
  reportProgress,
}: Pick<CardTools, "database" | "reportProgress">) {
  return {
    /**
     * Twice: each stretch of cards is changed by the transaction that moves the bulk on from where it stood, so that what
     * is done is not done again, and two that do it at once take turns.
     */
    async carryBulk({ bulkId }: { bulkId: string }): Promise<BulkProgress | null> {
      const until = Date.now() + REPORT_MS;
      const begun = await beginBulk(database, bulkId);
      let reached: CardBulk | undefined;
      for (let bulk = begun; bulk && Date.now() < until;) {
        bulk = await stepBulk(database, bulkId);
        if (!bulk) break;
        reached = bulk;
        const progress = progressOf(bulk);
        heartbeat(progress.looked);
        const { state, looked: done, total } = progress;
        const phase = state === "undoing" || state === "undone" ? "undoing" : "changing";
        reportProgress({ ...taskOfBulk(bulk), phase, done, total, unit: "cards" });
        if (bulk.state !== "running" && bulk.state !== "undoing") break;
      }
      return reached ? progressOf(reached) : null;
    },

    /** Twice: what has failed, or is over, is left as it is. */
    async failBulk({ bulkId, reason }: { bulkId: string; reason: string }): Promise<void> {
      await failBulk(database, bulkId, reason);
    },
  };
}

function progressOf({ state, total, done, refused, undone, kept }: CardBulk): BulkProgress {
  return state === "undoing" || state === "undone"
    ? { state, looked: undone + kept, total: done, held: kept }
    : { state, looked: done + refused, total, held: refused };
}
