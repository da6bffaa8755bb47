import { ActivityFailure, ApplicationFailure, isCancellation, sleep } from "@temporalio/workflow";
import { STEP_FAILURES } from "../../domain/packages.ts";
import type { Parking } from "./parking.ts";

/** How persistent work ended. */
export type Persisted<T> =
  | { outcome: "done"; value: T }
  /** The content is at fault; trying again would not help. */
  | { outcome: "bad-content"; reason: string }
  /** Something was found that a person has to look at. */
  | { outcome: "finding"; reason: string }
  /** An operator wants it tried again. */
  | { outcome: "retry"; reason: string }
  /** An operator gave up. */
  | { outcome: "aborted"; reason: string }
  /** Something newer took over while this waited for an operator. */
  | { outcome: "gave-way" };

export interface Persistence {
  parking: Parking;
  /** How often the work is tried before a person is asked. */
  maximumTries: number;
  /** The first pause, a second when not given; each is twice the one before, up to half a minute or the first. */
  firstPauseSeconds?: number;
  /** Called when a person is needed: lets it be known. */
  onPark: (reason: string) => Promise<void>;
  giveWay?: () => boolean;
}

const LONGEST_PAUSE_SECONDS = 30;
/** A server may refuse summaries of over 400 bytes; a character has three at most. */
const SUMMARY_CHARACTERS = 130;

/**
 * Does `work` until it succeeds, the content proves bad, or a person decides: broken tools, stores and
 * networks are tried again with growing pauses, then parked. A lost worker is no failure here: Temporal
 * begins the activity again by itself.
 */
export async function persistently<T>(
  work: (tries: number) => Promise<T>,
  { parking, maximumTries, firstPauseSeconds = 1, onPark, giveWay }: Persistence,
): Promise<Persisted<T>> {
  for (let tries = 1; ; tries++) {
    try {
      return { outcome: "done", value: await work(tries - 1) };
    } catch (error) {
      if (isCancellation(error)) throw error;
      const { type, reason } = failureOf(error);
      if (type === STEP_FAILURES.content) return { outcome: "bad-content", reason };
      if (type === STEP_FAILURES.finding) return { outcome: "finding", reason };
      if (giveWay?.()) return { outcome: "gave-way" };
      if (tries < maximumTries) {
        const longest = Math.max(LONGEST_PAUSE_SECONDS, firstPauseSeconds);
        const seconds = Math.min(firstPauseSeconds * 2 ** (tries - 1), longest);
        const summary = `try again after: ${reason}`.slice(0, SUMMARY_CHARACTERS);
        await sleep(`${seconds} seconds`, { summary });
        continue;
      }
      const decision = await parking.wait(() => onPark(reason), giveWay);
      if (!decision) return { outcome: "gave-way" };
      const said = `${decision.action} by ${decision.by}: ${decision.reason}`;
      return { outcome: decision.action === "retry" ? "retry" : "aborted", reason: said };
    }
  }
}

function failureOf(error: unknown): { type: string | undefined; reason: string } {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return {
    type: cause instanceof ApplicationFailure ? (cause.type ?? undefined) : undefined,
    reason: cause instanceof Error ? cause.message : "The step failed without saying why.",
  };
}
