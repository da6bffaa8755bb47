const REPEATED_WITHIN_MS = 2_000;

/** What the person or the system at the other end of our signals wants. */
export interface Wishes {
  /** Resolves at the first SIGINT, SIGTERM or SIGHUP. */
  toStop: Promise<void>;
  /** Resolves at one that comes more than two seconds later. */
  toForce: Promise<void>;
}

/**
 * Listens to the signals that end a process; they all mean the same. A repeat within two seconds
 * changes nothing, because a terminal's Ctrl-C arrives twice: from the terminal and through npm.
 */
export function hearSignals(): Wishes {
  let first: number | undefined;
  let stop = () => {};
  let force = () => {};
  const toStop = new Promise<void>((resolve) => (stop = resolve));
  const toForce = new Promise<void>((resolve) => (force = resolve));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      first ??= performance.now();
      if (performance.now() - first <= REPEATED_WITHIN_MS) stop();
      else force();
    });
  }
  return { toStop, toForce };
}
