import { isCancellation } from "@temporalio/workflow";

/** For work that nobody waits for: its cancellation is no news, anything else is thrown on. */
export function unlessCancelled(error: unknown): void {
  if (!isCancellation(error)) throw error;
}
