import { upsertSearchAttributes } from "@temporalio/workflow";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";

/** Shows in every list where this workflow stands, since when, and why if it is parked. */
export function enterStage(stage: string, errorType?: string): void {
  upsertSearchAttributes([
    { key: SEARCH_ATTRIBUTES.stage, value: stage },
    { key: SEARCH_ATTRIBUTES.stageSince, value: new Date() },
    { key: SEARCH_ATTRIBUTES.errorType, value: errorType ?? null },
  ]);
}
