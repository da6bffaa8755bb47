/** What a process says to the supervisor that started it. */
export type Word = { type: "ready" } | { type: "longhaul/event"; event: unknown };

/** Tells the supervisor that this process serves now. Without a supervisor it does nothing. */
export function tellReady(): void {
  process.send?.({ type: "ready" } satisfies Word);
}

/** Calls `stop` once when the supervisor that started this process is gone, however it ended. */
export function whenOrphaned(stop: () => void): void {
  if (!process.channel) return;
  process.once("disconnect", stop);
  // Listening must not keep a process alive that has nothing else to do.
  process.channel.unref();
}
