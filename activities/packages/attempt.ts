import { ApplicationFailureCategory } from "@temporalio/common";
import { ApplicationFailure, cancellationSignal, Context, heartbeat } from "@temporalio/activity";
import { refusalIn } from "../../domain/errors.ts";
import { STEP_FAILURES } from "../../domain/packages.ts";

const BEAT_MS = 1_000;
const REASON_CHARACTERS = 500;

/** A step that did not succeed: through bad content, or because something we need is broken. */
export class StepFailure extends Error {
  readonly kind: keyof typeof STEP_FAILURES;
  readonly exitCode: number | null;

  constructor(
    kind: keyof typeof STEP_FAILURES,
    reason: string,
    exitCode: number | null = null,
    options?: ErrorOptions,
  ) {
    super(reason.slice(0, REASON_CHARACTERS), options);
    this.name = "StepFailure";
    this.kind = kind;
    this.exitCode = exitCode;
  }
}

/** The failure in an error: everything that is not known to be bad content is something broken. */
export function stepFailureIn(error: unknown): StepFailure {
  if (error instanceof StepFailure) return error;
  const refused = refusalIn(error);
  if (refused?.code === "packages/not-an-archive")
    return new StepFailure("content", refused.message);
  const reason = error instanceof Error ? error.message : "The step failed without saying why.";
  return new StepFailure("broken", reason, null, { cause: error });
}

/**
 * Runs a step that may last: it heartbeats, so that a lost worker is noticed within seconds and the step begins
 * again elsewhere without a try being counted. Its own failures go to the workflow, which counts them, or, when it is
 * `persistent`, stay with Temporal, which tries again for ever.
 */
export async function lasting<T>(
  body: (signal: AbortSignal) => Promise<T>,
  { persistent = false } = {},
): Promise<T> {
  const beat = setInterval(() => heartbeat(), BEAT_MS);
  const signal = cancellationSignal();
  try {
    return await body(signal);
  } catch (error) {
    if (signal.aborted) await Context.current().cancelled;
    const failure = stepFailureIn(error);
    throw ApplicationFailure.create({
      type: STEP_FAILURES[failure.kind],
      message: failure.message,
      nonRetryable: !persistent,
      category: ApplicationFailureCategory.BENIGN,
      details: [{ exitCode: failure.exitCode }],
    });
  } finally {
    clearInterval(beat);
  }
}
