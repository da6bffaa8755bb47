import { createFetchingActivities } from "./fetching.ts";
import { createLifeActivities } from "./life.ts";
import type { DownloadTools } from "./tools.ts";

export type { DownloadRef, CarriedFailure, ParseOrder, StoredMedia, TakenUp } from "./contract.ts";

/** Everything here may run twice. Each comment says why that does no harm. */
export function createDownloadActivities(tools: DownloadTools) {
  return { ...createFetchingActivities(tools), ...createLifeActivities(tools) };
}

export type DownloadActivities = ReturnType<typeof createDownloadActivities>;
