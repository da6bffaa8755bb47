import * as fc from "fast-check";
import { expect } from "vitest";
import { refusalIn } from "../../../domain/errors.ts";
import type { Fen } from "../../../domain/money.ts";
import {
  abandonHold,
  adjustBalance,
  Hold,
  inLedger,
  refundCapture,
  releaseHold,
  settleShortfall,
  Shortfall,
} from "../../../models/billing/index.ts";
import type { Database } from "../../../models/database.ts";
import { newId } from "../../../platform/crypto.ts";
import { accountsOf, capture, hold, makePurse } from "../ledger.ts";
import { ORIGIN } from "../webhooks.ts";

/** One thing that may happen to money; `pick` chooses among the holds that there were. */
interface Act {
  verb: (typeof VERBS)[number];
  pick: number;
  amountFen: Fen;
  /** Orders it a second time, under the same id. */
  twice: boolean;
}

const VERBS = [
  "hold",
  "hold",
  "capture",
  "capture part",
  "release",
  "abandon",
  "refund",
  "give",
  "take",
  "settle",
] as const;

const act: fc.Arbitrary<Act> = fc.record({
  verb: fc.constantFrom(...VERBS),
  pick: fc.nat(),
  amountFen: fc.integer({ min: 0, max: 400 }),
  twice: fc.boolean(),
});

/** Lets so many random sequences happen to accounts of one database. One that is wrong throws, with its seed. */
export async function tryRandomSequences(
  database: Database,
  sequences: number,
): Promise<fc.RunDetails<[number, Act[]]>> {
  const run = fc.asyncProperty(
    fc.nat({ max: 600 }),
    fc.array(act, { minLength: 1, maxLength: 12 }),
    (beginFen, acts) => live(database, beginFen, acts),
  );
  const seed = Number(process.env["LONG_SEED"] || Date.now() % 1_000_000);
  console.log(`LONG_SEED=${seed}`);
  const details = await fc.check(run, { numRuns: sequences, seed, endOnFailure: true });
  if (details.failed)
    throw new Error(fc.defaultReportMessage(details) ?? "", { cause: details.errorInstance });
  return details;
}

async function live(database: Database, beginFen: Fen, acts: Act[]): Promise<void> {
  const accountId = await makePurse(database, beginFen);
  const holdIds: string[] = [];
  let broughtFen = beginFen;
  for (const one of acts) {
    broughtFen += await doOnce(database, { ...one, accountId, holdIds });
    const { cached, summed, kept, all, revenue } = await accountsOf(accountId);
    expect(cached).toEqual(summed);
    expect(cached.held).toBe(kept);
    expect(cached.free).toBeGreaterThanOrEqual(0);
    expect(all).toBe(0);
    // Nothing is lost: what was brought is free, held, or charged.
    expect(cached.free + cached.held + revenue).toBe(broughtFen);
    const holds = await Hold.findAll({ where: { accountId } });
    expect(holds).toHaveLength(holdIds.length);
    const charged = holds.reduce((sum, { capturedFen, refundedFen }) => {
      expect(refundedFen).toBeLessThanOrEqual(capturedFen);
      return sum + capturedFen - refundedFen;
    }, 0);
    expect(revenue).toBe(charged);
  }
}

/** Whose money it is, and the holds there were. */
interface Purse {
  accountId: string;
  holdIds: string[];
}

/** Does it, twice when asked; answers what it brought from outside. A refusal is an answer too. */
async function doOnce(
  database: Database,
  { verb, pick, amountFen, twice, accountId, holdIds }: Act & Purse,
): Promise<Fen> {
  const holdId = holdIds[pick % Math.max(holdIds.length, 1)];
  const perform = await prepare(database, verb, { accountId, amountFen, holdId });
  if (!perform) return 0;
  const done = await unlessRefused(perform);
  if (done && twice) expect(await unlessRefused(perform)).toBeDefined();
  if (done && verb === "hold") holdIds.push((done as Pick<Hold, "id">).id);
  if (!done || (verb !== "give" && verb !== "take")) return 0;
  return verb === "give" ? amountFen : -amountFen;
}

/** The act, under one id however often it is performed; undefined when there is nothing to do it to. */
async function prepare(
  database: Database,
  verb: Act["verb"],
  given: { accountId: string; amountFen: Fen; holdId: string | undefined },
): Promise<(() => Promise<unknown>) | undefined> {
  const { accountId, amountFen, holdId } = given;
  const operationId = newId();
  if (verb === "hold") {
    const order = { holdId: newId() };
    return () => hold(database, accountId, amountFen, order);
  }
  if (verb === "give" || verb === "take") {
    const signed = verb === "give" ? amountFen : -amountFen;
    const adjustment = { operationId, accountId, amountFen: signed, reason: verb };
    return async () => ({ free: await adjustBalance(database, adjustment, ORIGIN) });
  }
  if (!holdId) return undefined;
  switch (verb) {
    case "capture":
    case "capture part": {
      const order = { operationId, isFinal: verb === "capture" };
      return () => capture(database, { id: holdId }, amountFen, order);
    }
    case "release":
      return () => inLedger(database, (transaction) => releaseHold(holdId, transaction));
    case "abandon":
      return () => inLedger(database, (transaction) => abandonHold(holdId, transaction, FAR_AHEAD));
    case "refund": {
      const order = { operationId, holdId, amountFen, description: verb };
      return () => inLedger(database, (transaction) => refundCapture(order, transaction));
    }
    case "settle": {
      const owed = await Shortfall.findOne({ where: { holdId, state: "open" } });
      // Settled once, it is refused: by its own id there is no second time.
      return owed ? () => settleOnce(database, owed.id) : undefined;
    }
  }
}

const FAR_AHEAD = new Date("2100-01-01");

async function settleOnce(database: Database, id: string): Promise<unknown> {
  const { state } = await Shortfall.findByPk(id, { rejectOnEmpty: true });
  if (state === "settled") return state;
  return inLedger(database, (transaction) => settleShortfall(id, transaction));
}

async function unlessRefused(perform: () => Promise<unknown>): Promise<unknown> {
  try {
    return await perform();
  } catch (error) {
    if (!refusalIn(error)) throw error;
    return undefined;
  }
}
