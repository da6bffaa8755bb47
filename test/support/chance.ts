/** Chance that can be repeated: the same seed gives the same numbers. */
export interface Chance {
  seed: number;
  /** A whole number from 0 up to, but not, `end`. */
  below(end: number): number;
  pick<T>(from: readonly T[]): T;
}

/** The seed in LONG_SEED, or a new one; it is printed, so that a failure can be repeated. */
export function takeChance(): Chance {
  const seed = Number(process.env["LONG_SEED"] || Date.now() % 1_000_000);
  console.log(`LONG_SEED=${seed}`);
  let state = seed >>> 0;
  // Numerical Recipes' linear congruential generator: good enough to choose moments.
  const below = (end: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
  return { seed, below, pick: (from) => from[below(from.length)]! };
}
