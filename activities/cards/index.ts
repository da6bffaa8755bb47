import { createBatchActivities } from "./batches.ts";
import type { CardTools } from "./tools.ts";

/** Everything here may run twice. Each comment says why that does no harm. */
export function createCardActivities(tools: CardTools) {
  return { ...createBatchActivities(tools) };
}

export type CardActivities = ReturnType<typeof createCardActivities>;
