/** How the command ends, for scripts. */
export const EXIT = {
  done: 0,
  /** The platform said no. */
  refused: 1,
  /** The command line, the environment or the file is wrong: nothing was sent. */
  usage: 2,
  /** Nobody answers, or nobody sensible. */
  unreachable: 3,
  /** The run ended without success. */
  runFailed: 4,
  /** The run waits for an operator, or the version for somebody's release. */
  runParked: 5,
} as const;

/** What was typed cannot be done; the message says what to type. */
export class UsageFault extends Error {
  override readonly name = "UsageFault";
}

/** The platform could not be asked, or its answer did not arrive whole. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** The platform's "no": its status, its code for programs, its sentence for people. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;
  /** The whole problem document. */
  readonly problem: Readonly<Record<string, unknown>>;
  /** When it may be tried again, if the platform said so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, problem: Record<string, unknown>, retryAfterSeconds?: number) {
    const text = (name: string) => (typeof problem[name] === "string" ? problem[name] : undefined);
    super(text("detail") ?? text("message") ?? `HTTP ${status}`);
    this.status = status;
    this.code = text("code") ?? text("error_code") ?? `http/${status}`;
    this.requestId = text("request_id");
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
