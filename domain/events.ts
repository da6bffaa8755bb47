/** Every event: name → payload. Payloads hold ids, numbers and the row's version, never a whole view. */
export interface Events {
  "outbox.filled": Record<string, never>;
  "package.run-changed": { packageId: string; runId: string };
  "package.log-grew": { runId: string };
  "package.published": { packageId: string; number: number };
}

export type EventName = keyof Events;
/** One thing that happened, delivered at least once. */
export type Event = { [N in EventName]: { type: N; data: Events[N] } }[EventName];
