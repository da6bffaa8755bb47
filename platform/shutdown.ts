import { BadConfiguration, EXIT_CONFIGURATION } from "./env.ts";
import { whenOrphaned } from "./supervised.ts";

/** Adds something to do at the end; what was added last is done first. */
export type OnStop = (end: () => unknown) => void;

/** A repeat within this time is the terminal's echo of the same Ctrl-C. */
const ECHO_MS = 2_000;
/** Without a supervisor nobody ends by force what does not end, and the next start would meet it. */
const ORPHAN_MS = 4_000;

/**
 * Runs a process of the platform: `body` opens and serves, SIGINT, SIGTERM and the end of the supervisor stop it in
 * the reverse order, a later signal forces the end; without a supervisor it has four seconds. A bad configuration
 * ends it with code 78 and all its faults.
 */
export async function runProcess(
  name: string,
  body: (onStop: OnStop) => Promise<void>,
): Promise<void> {
  const ends: (() => unknown)[] = [];
  let stoppingSince: number | undefined;

  const stop = async () => {
    for (const end of ends.toReversed()) {
      try {
        await end();
      } catch (error) {
        process.stderr.write(`${name}: ${(error as Error).message}\n`);
      }
    }
  };
  const ask = () => {
    if (stoppingSince !== undefined) {
      if (Date.now() - stoppingSince > ECHO_MS) process.exit(1);
      return;
    }
    stoppingSince = Date.now();
    void stop().then(() => process.exit(0));
  };
  process.on("SIGINT", ask);
  process.on("SIGTERM", ask);
  whenOrphaned(() => {
    ask();
    setTimeout(() => process.exit(1), ORPHAN_MS);
  });

  try {
    await body((end) => void ends.push(end));
  } catch (error) {
    if (stoppingSince !== undefined) return;
    process.stderr.write(`${wordsOf(error)}\n`);
    await stop();
    process.exit(error instanceof BadConfiguration ? EXIT_CONFIGURATION : 1);
  }
}

/** Errors of Temporal's native core have no stack. */
function wordsOf(error: unknown): string {
  if (error instanceof BadConfiguration) return error.message;
  return (error as Error).stack ?? String(error);
}
