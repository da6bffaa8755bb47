import { condition, defineUpdate, setHandler, upsertSearchAttributes } from "@temporalio/workflow";
import { refusal } from "../../domain/errors.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";

/** What an operator decided about something parked. */
export interface Resolution {
  action: "retry" | "abort";
  reason: string;
  /** Who decided, for the log. */
  by: string;
}

/** The way out of a parked workflow. Refused while nothing is parked. */
export const resolveParked = defineUpdate<void, [Resolution]>("resolve");

/** A place where a workflow waits for a person instead of failing. */
export interface Parking {
  /**
   * Waits for a decision; undefined when `giveWay` became true before anybody decided. Who hears of it through
   * `announce` may decide at once.
   */
  wait(announce: () => Promise<void>, giveWay?: () => boolean): Promise<Resolution | undefined>;
}

/** Opens the parking place of this workflow: its update handler stands from now on. */
export function openParking(): Parking {
  let occupied = false;
  let decision: Resolution | undefined;

  setHandler(resolveParked, (resolution) => void (decision = resolution), {
    description: "Decide about parked work: retry the step, or abort the run. Give a reason.",
    validator: ({ action, reason }) => {
      if (!occupied) throw refusal("packages/run-not-parked", "Nothing waits for a decision here.");
      if (decision) throw refusal("packages/run-not-parked", "This was decided a moment ago.");
      if (action !== "retry" && action !== "abort") {
        throw refusal("request/invalid", "The action must be retry or abort.");
      }
      if (!reason) throw refusal("request/invalid", "Give a reason.");
    },
  });

  return {
    async wait(announce, giveWay = () => false) {
      occupied = true;
      decision = undefined;
      upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.needsOperator, value: true }]);
      try {
        await announce();
        await condition(() => decision !== undefined || giveWay());
        return decision;
      } finally {
        occupied = false;
        upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.needsOperator, value: false }]);
      }
    },
  };
}
