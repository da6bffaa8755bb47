import type { BulkState } from "../../../domain/cards.ts";
import type { CardActivities } from "../../../activities/cards/index.ts";
import { refusal } from "../../../domain/errors.ts";

/** A bulk of 1,000 cards that stands so after each stretch; at "no database" it cannot go on. */
export function fakeBulks(stretches: readonly (BulkState | "no database")[]) {
  const left = [...stretches];
  const failed: string[] = [];
  const activities: Pick<CardActivities, "carryBulk" | "failBulk"> = {
    carryBulk: async () => {
      const state = left.shift();
      if (state === undefined) return null;
      // Not the worker's to mend: what is tried again is no part of this.
      if (state === "no database") throw refusal("cards/bulk-not-found", "There is no such order.");
      const looked = 1000 - 500 * left.length;
      return { state, looked, total: 1000, held: 0 };
    },
    failBulk: async ({ reason }) => void failed.push(reason),
  };
  return { activities, failed };
}
