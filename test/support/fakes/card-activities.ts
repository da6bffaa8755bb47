import { activityInfo } from "@temporalio/activity";
import type { CardActivities, CardLooks } from "../../../activities/cards/index.ts";

/** What a timer of cards may ask for. */
type Timing = Pick<
  CardActivities,
  "endCardsWith" | "turnWheel" | "mendCardTimers" | "removeDeletedCards" | "forgetCardResults"
> &
  CardLooks;

/** Cards that are due at these moments; what was done is remembered. Its time is the server's, however fast that goes. */
export function fakeCards(due: number[] = []): {
  activities: Timing;
  due: number[];
  happened: string[];
} {
  const happened: string[] = [];
  const now = () => activityInfo().currentAttemptScheduledTimestampMs;
  const next = () => ({ dueAt: due.length > 0 ? Math.min(...due) : null });
  const end = () => {
    const left = due.filter((one) => one > now());
    const ended = due.length - left.length;
    due.splice(0, due.length, ...left);
    happened.push(`ended ${ended}`);
    return ended;
  };
  return {
    due,
    happened,
    activities: {
      lookAtCard: async () => {
        happened.push("looked");
        return next();
      },
      endCardsWith: async () => {
        end();
        return next();
      },
      turnWheel: async () => ({ ended: end(), ...next() }),
      mendCardTimers: async () => ({ ended: 2, begun: 1 }),
      removeDeletedCards: async () => 3,
      forgetCardResults: async () => 4,
    },
  };
}
