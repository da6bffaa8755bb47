import { randomBytes } from "node:crypto";
import { hash, parseOptions, verify } from "@node-rs/argon2";

/** Argon2id with 19 MiB, two passes, one lane: OWASP's first recommendation. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Hashing of passwords, at most `slots` at once: a flood of sign-ins must not take every thread of the process. */
export interface Passwords {
  hash: (password: string) => Promise<string>;
  /**
   * Waits for its turn and then asks `admit`, which may throw, right before the work. Without a `kept` hash it does
   * the same work and answers false, so that its time does not tell whether the account exists.
   */
  verify: (
    kept: string | undefined,
    password: string,
    admit?: () => Promise<void>,
  ) => Promise<boolean>;
  /** True when the hash was made with other parameters than today's. */
  isOutdated: (kept: string) => boolean;
}

export function createPasswords({ slots = 2 } = {}): Passwords {
  const inTurn = createSlots(slots);
  let nobodys: Promise<string> | undefined;
  const make = (password: string) => hash(password, COST);
  return {
    hash: (password) => inTurn(() => make(password)),
    verify: (kept, password, admit) =>
      inTurn(async () => {
        await admit?.();
        nobodys ??= make(randomBytes(32).toString("base64url"));
        const matches = await verify(kept ?? (await nobodys), password);
        return matches && kept !== undefined;
      }),
    isOutdated: (kept) => {
      const { memoryCost, timeCost, parallelism } = parseOptions(kept);
      return (
        memoryCost !== COST.memoryCost ||
        timeCost !== COST.timeCost ||
        parallelism !== COST.parallelism
      );
    },
  };
}

function createSlots(slots: number): <T>(job: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = slots;
  return async (job) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await job();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
