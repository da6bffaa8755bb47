import { createFetchingActivities } from "./fetching.ts";
import { createLifeActivities } from "./life.ts";
import { createListActivities } from "./lists.ts";
import { createSharingActivities } from "./sharing.ts";
import type { DownloadTools } from "./tools.ts";

export type {
  DownloadRef,
  CarriedFailure,
  FetchRef,
  ListStanding,
  MediaEnd,
  MediaRef,
  ParseOrder,
  Shared,
  StoredMedia,
  TakenUp,
  Try,
  WayOut,
} from "./contract.ts";

/** Everything here may run twice. Each comment says why that does no harm. */
export function createDownloadActivities(tools: DownloadTools) {
  return {
    ...createFetchingActivities(tools),
    ...createLifeActivities(tools),
    ...createSharingActivities(tools),
    ...createListActivities(tools),
  };
}

export type DownloadActivities = ReturnType<typeof createDownloadActivities>;
