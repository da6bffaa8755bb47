import { setTimeout as sleep } from "node:timers/promises";
import { Refused } from "./endings.ts";

/** Together longer than the minute for which a first try that died keeps its key. */
const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
const LONGEST_PAUSE_SECONDS = 60;

/** When to try again, and whom to tell. */
export interface Patience {
  isHopeful: (error: unknown) => boolean;
  onPause: (error: Error, seconds: number) => void;
  signal: AbortSignal;
}

/** Tries again, with growing pauses, what fails hopefully; after some 90 s it throws the last failure. */
export async function patiently<T>(
  attempt: () => Promise<T>,
  { isHopeful, onPause, signal }: Patience,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      const pauseMs = PAUSES_MS[tries];
      if (pauseMs === undefined || !isHopeful(error)) throw error;
      const asked = error instanceof Refused ? (error.retryAfterSeconds ?? 0) : 0;
      const waitMs = Math.max(pauseMs, Math.min(asked, LONGEST_PAUSE_SECONDS) * 1000);
      onPause(error as Error, waitMs / 1000);
      await sleep(waitMs, undefined, { signal });
    }
  }
}
