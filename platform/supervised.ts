/** How the first administrator signs in; without a password it is the given one. */
export interface FirstSignIn {
  username: string;
  password?: string;
}

/** What a process says to the supervisor that started it. */
export type Word =
  | { type: "ready" }
  | { type: "prepared"; signIn?: FirstSignIn | undefined; warnings: string[] }
  | { type: "longhaul/event"; event: unknown };

/** Says a word to the supervisor; without one nobody listens. */
export function tell(word: Word): void {
  process.send?.(word);
}

/** Tells the supervisor that this process serves now. */
export function tellReady(): void {
  tell({ type: "ready" });
}

/** Calls `stop` once when the supervisor that started this process is gone, however it ended. */
export function whenOrphaned(stop: () => void): void {
  if (!process.channel) return;
  process.once("disconnect", stop);
  // Listening must not keep a process alive that has nothing else to do.
  process.channel.unref();
}
