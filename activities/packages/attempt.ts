import { ApplicationFailureCategory } from "@temporalio/common";
import { ApplicationFailure, cancellationSignal, Context } from "@temporalio/activity";
import { refusalIn } from "../../domain/errors.ts";
import { STEP_FAILURES } from "../../domain/packages.ts";

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
    super(reason, options);
    this.name = "StepFailure";
    this.kind = kind;
    this.exitCode = exitCode;
  }
}

/** Blanks out secrets: a tool's last words become a reason, which stands in rows, histories and answers. */
export type Redact = (text: string) => string;

/** The failure in an error: everything that is not known to be bad content is something broken. */
export function stepFailureIn(error: unknown, redact: Redact): StepFailure {
  const refused = refusalIn(error);
  const known = error instanceof StepFailure ? error : undefined;
  const kind = known?.kind ?? (refused?.code === "packages/not-an-archive" ? "content" : "broken");
  const said = error instanceof Error ? error.message : "The step failed without saying why.";
  const reason = known?.message ?? refused?.message ?? said;
  const message = redact(reason).slice(0, REASON_CHARACTERS);
  return new StepFailure(kind, message, known?.exitCode, { cause: error });
}

/**
 * Runs work that may last and ends when it is cancelled. What it throws is tried again by Temporal, for as long as it
 * takes.
 */
export async function lasting<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = cancellationSignal();
  try {
    return await body(signal);
  } catch (error) {
    if (signal.aborted) await Context.current().cancelled;
    // A refusal, as of a full store, is final for who asked for something; nobody asked for this.
    const refused = refusalIn(error);
    throw refused ? new Error(refused.message, { cause: error }) : error;
  }
}

/** Runs one try of a step: its own failures go to the workflow, which counts them. A lost worker is none. */
export function attempt<T>(redact: Redact, body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return lasting(async (signal) => {
    try {
      return await body(signal);
    } catch (error) {
      const failure = stepFailureIn(error, redact);
      throw ApplicationFailure.create({
        type: STEP_FAILURES[failure.kind],
        message: failure.message,
        nonRetryable: true,
        category: ApplicationFailureCategory.BENIGN,
        details: [{ exitCode: failure.exitCode }],
      });
    }
  });
}
