import { defineSearchAttributeKey, SearchAttributeType } from "@temporalio/common";

/** The typed search attributes of every workflow. SQL visibility allows 10 keywords, 3 of each other type. */
export const SEARCH_ATTRIBUTES = {
  /** What kind of thing it is: `package`, `build`, `tick`, `sweep`, `webhook`, `code`, `hold`, `card`, `card-batch`, `card-bulk`, `card-import`, `card-wheel`, `download`, `fetch`, `parse`. */
  kind: defineSearchAttributeKey("Kind", SearchAttributeType.KEYWORD),
  /** Where it stands, in the product's words; `parked` waits for an operator. */
  stage: defineSearchAttributeKey("Stage", SearchAttributeType.KEYWORD),
  /** The public id of the thing, for looking one up by the number a person knows. */
  subject: defineSearchAttributeKey("Subject", SearchAttributeType.KEYWORD),
  /** Why it is parked. */
  errorType: defineSearchAttributeKey("ErrorType", SearchAttributeType.KEYWORD),
  /** True while only a person can help: the list to look at first. */
  needsOperator: defineSearchAttributeKey("NeedsOperator", SearchAttributeType.BOOL),
  /** Since when it stands in its stage. */
  stageSince: defineSearchAttributeKey("StageSince", SearchAttributeType.DATETIME),
} as const;
