import { ActivityFailure, isCancellation } from "@temporalio/workflow";

/** Why a workflow comes to an end before its work does, in a sentence for people. */
export function reasonOf(error: unknown): string {
  if (isCancellation(error)) return "It was cancelled.";
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof Error ? cause.message : "It is not known why.";
}
