import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type Options, parseOptions } from "@node-rs/argon2";
import { refusal } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { BadConfiguration } from "./env.ts";

/** Argon2id with 19 MiB, two passes, one lane: OWASP's first recommendation. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** A hash keeps a core busy: where there are few of them, one is left for everybody else. */
const USUAL_SLOTS = availableParallelism() > 2 ? 2 : 1;

/** What a thread is asked to do: to hash, or to compare with what is kept. */
interface HashingJob {
  password: string;
  kept?: string;
  cost: Options;
}

/**
 * Hashing of passwords, at most `slots` at once, in threads behind all others: a flood of sign-ins takes what is left of
 * the machine. Refuses `platform/busy` when too many wait already.
 */
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
  const work = createThreads();
  let nobodys: Promise<string> | undefined;
  const make = (password: string) => work({ password, cost: COST }) as Promise<string>;
  return {
    hash: (password) => inTurn(() => make(password)),
    verify: (kept, password, admit) =>
      inTurn(async () => {
        await admit?.();
        nobodys ??= make(randomBytes(32).toString("base64url"));
        const matches = await work({ password, kept: kept ?? (await nobodys), cost: COST });
        return matches === true && kept !== undefined;
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
    else if (waiting.length >= LIMITS.waitingPasswords) {
      throw refusal("platform/busy", "Too many people sign in just now. Try again in a moment.");
    } else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await job();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}

/** Threads for as many jobs as there are at once: begun when they are needed, kept, and begun anew when they died. */
function createThreads(): (job: HashingJob) => Promise<string | boolean> {
  const idle: Worker[] = [];
  return async (job) => {
    const thread = idle.pop() ?? beginThread();
    // A program that waits for nothing else does not end before it has its answer.
    thread.ref();
    const answer = await answerOf(thread, job);
    thread.unref();
    idle.push(thread);
    return answer;
  };
}

async function answerOf(thread: Worker, job: HashingJob): Promise<string | boolean> {
  thread.postMessage(job, []);
  // Rejects when the thread has died of it.
  const [answer] = (await once(thread, "message")) as [string | boolean];
  return answer;
}

/**
 * What a thread does: hashes, one password after the other, on what all others leave of the cores. It is text because a
 * thread has to be JavaScript, which no other file is before it was compiled. A priority is a thread's own on Linux alone.
 */
const THREAD = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { hashSync, verifySync } = require(workerData.argon2);
  if (process.platform === "linux") require("node:os").setPriority(workerData.behindOthers);
  parentPort.on("message", ({ password, kept, cost }) =>
    parentPort.postMessage(kept ? verifySync(kept, password) : hashSync(password, cost)));
`;
const BEHIND_OTHERS = 15;

function beginThread(): Worker {
  const argon2 = createRequire(import.meta.url).resolve("@node-rs/argon2");
  return new Worker(THREAD, { eval: true, workerData: { argon2, behindOthers: BEHIND_OTHERS } });
}
