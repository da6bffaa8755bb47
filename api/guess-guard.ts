import { Counter, type Registry } from "prom-client";
import type { Logger } from "pino";
import { canonicalCode } from "../domain/cards/codes.ts";
import { refusal } from "../domain/errors.ts";
import type { Bus } from "../platform/bus.ts";
import type { Limiter } from "../platform/limiter.ts";
import { network } from "./middleware/limits.ts";

/** Who shows a code of a card. */
export interface Guesser {
  /** The network address. */
  address: string;
  /** The machine code, when one was given. */
  machine?: string | undefined;
}

/** Keeps codes of cards from being found by trying. */
export interface GuessGuard {
  /**
   * What `find` finds for this code. Only when that is nothing it counts as a guess, and `unknown` is thrown. Whoever
   * has guessed too often is refused before anything is looked up; and so is what they had in flight, by `whenFound`,
   * which `find` calls before it changes anything.
   */
  lookUp<T>(
    guesser: Guesser,
    code: string,
    find: (whenFound: () => void) => Promise<T | null | undefined>,
    unknown: () => Error,
  ): Promise<T>;
}

/** What the guard counts by, and whom it tells. */
interface GuardTools {
  limiter: Limiter;
  bus: Bus;
  log: Logger;
  metrics: Registry;
  rate: { points: number; seconds: number };
}

const FIRST_BLOCK_SECONDS = 30;
const LONGEST_BLOCK_SECONDS = 3600;
/** How long earlier blocks make the next one longer. */
const STRIKES = { name: "card-strikes", points: 1_000_000, seconds: 86_400 };
/** How many times the guesses of one address a prefix takes before somebody is told. */
const ALARM_FACTOR = 10;
const MOST_BLOCKS = 100_000;

/**
 * Guesses are counted where all processes see them; who is blocked is known in each of them, because it is asked of
 * every card that is shown. The prefix is only watched: a block would let anybody lock its buyers out.
 */
export function openGuessGuard({ limiter, bus, log, metrics, rate }: GuardTools): GuessGuard {
  const guesses = { name: "card-guesses", ...rate };
  const alarm = { name: "card-prefix", ...rate, points: rate.points * ALARM_FACTOR };
  const blocks = createBlocks();
  bus.subscribe((event) => {
    if (event.type !== "card.guesser-blocked") return;
    blocks.add(event.data.guesser, event.data.seconds);
  });
  const guessed = new Counter({
    name: "longhaul_card_guesses_total",
    help: "Codes of cards that were shown and do not exist",
    registers: [metrics],
  });
  const alarms = new Counter({
    name: "longhaul_card_guess_alarms_total",
    help: "Times that codes of one prefix were guessed at from many places",
    registers: [metrics],
  });

  const count = async (guesser: Guesser, code: string) => {
    guessed.inc();
    const prefix = /^(\w{1,16})-/.exec(canonicalCode(code))?.[1] ?? "";
    const watched = await limiter.take(alarm, prefix);
    if (watched.allowed && watched.remaining === 0) {
      alarms.inc();
      log.warn({ prefix, guesses: alarm.points, seconds: rate.seconds }, "cards are guessed at");
    }
    for (const name of namesOf(guesser)) {
      if ((await limiter.take(guesses, name)).remaining > 0) continue;
      const { remaining } = await limiter.take(STRIKES, name);
      const strikes = STRIKES.points - remaining;
      const seconds = Math.min(FIRST_BLOCK_SECONDS * 2 ** (strikes - 1), LONGEST_BLOCK_SECONDS);
      blocks.add(name, seconds);
      await bus.announce({ type: "card.guesser-blocked", data: { guesser: name, seconds } });
    }
  };

  return {
    async lookUp(guesser, code, find, unknown) {
      blocks.refuse(guesser);
      const found = await find(() => blocks.refuse(guesser));
      if (found !== null && found !== undefined) return found;
      await count(guesser, code).catch((error: unknown) => {
        // A guess that could not be counted is answered all the same, as every request is.
        log.warn({ err: error }, "guesses at cards are not being counted");
      });
      throw unknown();
    },
  };
}

function namesOf({ address, machine }: Guesser): string[] {
  return [`address:${network(address)}`, ...(machine ? [`machine:${machine}`] : [])];
}

function createBlocks() {
  const untilMs = new Map<string, number>();
  return {
    add(name: string, seconds: number): void {
      const until = Date.now() + seconds * 1000;
      if (until <= (untilMs.get(name) ?? 0)) return;
      // The oldest goes first, which is the likeliest to be over.
      untilMs.delete(name);
      if (untilMs.size >= MOST_BLOCKS) untilMs.delete(untilMs.keys().next().value!);
      untilMs.set(name, until);
    },
    refuse(guesser: Guesser): void {
      if (untilMs.size === 0) return;
      for (const name of namesOf(guesser)) {
        const left = (untilMs.get(name) ?? 0) - Date.now();
        if (left > 0) throw tooMany(Math.ceil(left / 1000));
        untilMs.delete(name);
      }
    },
  };
}

function tooMany(seconds: number): Error {
  return refusal("cards/too-many-guesses", "尝试次数过多，请稍后再试", {
    headers: { "Retry-After": `${seconds}`, "X-RateLimit-Remaining": "0" },
  });
}
