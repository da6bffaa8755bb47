import { createBatchActivities } from "./batches.ts";
import { createBulkActivities } from "./bulks.ts";
import { createImportActivities } from "./imports.ts";
import { createTimerActivities } from "./timers.ts";
import type { CardTools } from "./tools.ts";

export { type CardLooks, createCardLooks, type NextDue } from "./timers.ts";

/** Everything here may run twice. Each comment says why that does no harm. */
export function createCardActivities(tools: CardTools) {
  return {
    ...createBatchActivities(tools),
    ...createBulkActivities(tools),
    ...createImportActivities(tools),
    ...createTimerActivities(tools),
  };
}

export type CardActivities = ReturnType<typeof createCardActivities>;
