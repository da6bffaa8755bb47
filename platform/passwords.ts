import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { hash, parseOptions, verify } from "@node-rs/argon2";
import { BadConfiguration } from "./env.ts";

/** Argon2id with 19 MiB, two passes, one lane: OWASP's first recommendation. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** A hash keeps a core busy: where there are few of them, one is left for everybody else. */
const USUAL_SLOTS = availableParallelism() > 2 ? 2 : 1;

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
  /** True when the password is on the list of those that are known from breaches; letter case does not count. */
  isBreached: (password: string) => boolean;
  /** True when the hash was made with other parameters than today's. */
  isOutdated: (kept: string) => boolean;
}

/** The passwords of a file, one a line; none without a file. A file that cannot be read is `BadConfiguration`. */
export async function readBreachedPasswords(file: string | undefined): Promise<Set<string>> {
  if (file === undefined) return new Set();
  try {
    const lines = (await readFile(file, "utf8")).toLowerCase().split(/\r?\n/);
    return new Set(lines.filter(Boolean));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new BadConfiguration([`BREACHED_PASSWORDS: cannot be read (${code})`]);
  }
}

/** Hashes as OWASP recommends today. */
export function createPasswords({
  slots = USUAL_SLOTS,
  breached = new Set(),
}: { slots?: number; breached?: ReadonlySet<string> } = {}): Passwords {
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
    isBreached: (password) => breached.has(password.toLowerCase()),
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
