import type { CardActivities } from "../../../activities/cards/index.ts";
import { refusal } from "../../../domain/errors.ts";

/** A batch of which each stretch leaves so many cards made; at "no room" there are no codes left. */
export function fakeBatches(stretches: readonly (number | "no room")[]) {
  const left = [...stretches];
  const failed: string[] = [];
  const activities: Pick<CardActivities, "makeCards" | "failCards"> = {
    makeCards: async () => {
      const generated = left.shift();
      if (generated === undefined) return null;
      if (generated === "no room") throw refusal("cards/no-room", "Order longer ones.");
      return { generated, count: 10_000 };
    },
    failCards: async ({ reason }) => void failed.push(reason),
  };
  return { activities, failed };
}
