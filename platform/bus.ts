import type { Event } from "../domain/events.ts";

/** Tells other processes what happened. At least once, never a source of truth: readers re-read the row. */
export interface Bus {
  announce(event: Event): Promise<void>;
  /** Calls `listener` for every event until the returned function is called. */
  subscribe(listener: (event: Event) => void): () => void;
  close(): Promise<void>;
}
