import { literal, Op, type Transaction } from "sequelize";
import {
  closingSeconds,
  freePlaces,
  gateTerms,
  type GateReason,
  judgeGate,
  type UsualGates,
} from "../../domain/gates.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { Gate, GatePass, GateWaiter } from "./tables.ts";

/** Who wants to pass which gates: all of them, or none. */
export interface GateOrder {
  /** The download. */
  holder: string;
  keys: readonly string[];
  /** The longest they may be behind them: nobody can forget them for longer. */
  seconds: number;
}

/** They are through; or they wait before one gate, and ask again when it says. */
export type GateAnswer =
  | { isIn: true }
  | { isIn: false; gate: string; why: GateReason; until: number };

/** So long after it was to ask again a waiter that did not is thought to be gone. */
const GONE_AFTER_MS = 60_000;

/** Passes all gates, or joins those who wait. Whoever is behind them already is through. */
export async function enterGates(
  database: Database,
  { holder, keys, seconds }: GateOrder,
  usual: UsualGates,
): Promise<GateAnswer> {
  const sorted = [...new Set(keys)].sort();
  return inTransaction(database, async (transaction) => {
    // Locked in one order by everybody, so that nobody waits for each other.
    const gates: Gate[] = [];
    for (const key of sorted) gates.push(await lockGate(key, transaction));
    const now = new Date();
    await GatePass.destroy({ where: { gate: sorted, endsAt: { [Op.lt]: now } }, transaction });
    const where = { gate: sorted, holder };
    if ((await GatePass.count({ where, transaction })) === sorted.length) return { isIn: true };

    const passed: { gate: Gate; usedUntil: number }[] = [];
    for (const gate of gates) {
      const facts = await factsOf(gate, holder, usual, now, transaction);
      const verdict = judgeGate(facts, now.getTime());
      if (!verdict.may) return wait(gate.key, holder, verdict, transaction);
      passed.push({ gate, usedUntil: verdict.usedUntil });
    }
    const endsAt = secondsAfter(now, seconds);
    for (const { gate, usedUntil } of passed) {
      await gate.update({ usedUntil }, { transaction });
      await GatePass.upsert({ gate: gate.key, holder, endsAt, createdAt: now }, { transaction });
    }
    await GateWaiter.destroy({ where: { holder }, transaction });
    return { isIn: true };
  });
}

/** The gate, ours until the transaction ends; it is made when it is asked for the first time. */
async function lockGate(key: string, transaction: Transaction): Promise<Gate> {
  const lock = transaction.LOCK.UPDATE;
  const gate = await Gate.findByPk(key, { lock, transaction });
  if (gate) return gate;
  try {
    return await Gate.create({ key }, { transaction });
  } catch (error) {
    if (!isTaken(error)) throw error;
    return Gate.findByPk(key, { lock, transaction, rejectOnEmpty: true });
  }
}

async function factsOf(
  gate: Gate,
  holder: string,
  usual: UsualGates,
  now: Date,
  transaction: Transaction,
) {
  const { key, strikes, usedUntil } = gate;
  const mine = await GateWaiter.findOne({ where: { gate: key, holder }, transaction });
  const others = { gate: key, holder: { [Op.ne]: holder } };
  const alive = new Date(now.getTime() - GONE_AFTER_MS);
  const since = mine?.createdAt ?? now;
  const ahead = await GateWaiter.count({
    where: { ...others, createdAt: { [Op.lt]: since }, until: { [Op.gt]: alive } },
    transaction,
  });
  const inside = await GatePass.count({ where: others, transaction });
  const closedUntil = gate.closedUntil?.getTime() ?? 0;
  const waitsSince = since.getTime();
  return { ...gateTerms(gate, usual), closedUntil, strikes, inside, ahead, waitsSince, usedUntil };
}

async function wait(
  gate: string,
  holder: string,
  { why, until }: { why: GateReason; until: number },
  transaction: Transaction,
): Promise<GateAnswer> {
  const place = { reason: why, until: new Date(until) };
  const [seen] = await GateWaiter.update(place, { where: { gate, holder }, transaction });
  if (seen === 0) await GateWaiter.create({ gate, holder, ...place }, { transaction });
  // Who is next before one gate does not hold others up before another one.
  await GateWaiter.destroy({ where: { holder, gate: { [Op.ne]: gate } }, transaction });
  return { isIn: false, gate, why, until };
}

/** Leaves all gates, or waits no longer; answers who may come in their place. Twice is harmless. */
export async function leaveGates(
  database: Database,
  holder: string,
  usual: UsualGates,
): Promise<string[]> {
  return inTransaction(database, async (transaction) => {
    const where = { holder };
    const passes = await GatePass.findAll({ attributes: ["gate"], where, transaction });
    const waits = await GateWaiter.findAll({ attributes: ["gate"], where, transaction });
    // Whoever finds a gate full now waits before it when we look for who is next.
    const gates: Gate[] = [];
    for (const key of new Set([...passes, ...waits].map(({ gate }) => gate).toSorted())) {
      gates.push(await lockGate(key, transaction));
    }
    await GateWaiter.destroy({ where, transaction });
    await GatePass.destroy({ where, transaction });
    const next = new Set<string>();
    for (const gate of gates) {
      const inside = await GatePass.count({ where: { gate: gate.key }, transaction });
      const { places } = gateTerms(gate, usual);
      const free = freePlaces({ places, strikes: gate.strikes, inside });
      const first = await GateWaiter.findAll({
        where: { gate: gate.key },
        order: [
          ["createdAt", "ASC"],
          ["holder", "ASC"],
        ],
        limit: free,
        transaction,
      });
      for (const waiter of first) next.add(waiter.holder);
    }
    return [...next];
  });
}

/** What a host has said by how an attempt went. */
export type GateNews =
  | { went: "well" }
  /** It has sent us away: for as long as it says, if it says so. */
  | { went: "away"; reason: string; retryAfterSeconds?: number };

/** Closes gates that have sent us away, and opens those wide that have let us in. */
export async function noteGates(
  database: Database,
  keys: readonly string[],
  news: GateNews,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    for (const key of [...keys].sort()) {
      if (news.went === "well") {
        // Whoever was let in before it was closed says nothing of how its host feels now.
        const where = { key, closedUntil: { [Op.lte]: new Date() } };
        await Gate.update(OPEN, { where, transaction });
        continue;
      }
      const gate = await lockGate(key, transaction);
      const seconds = closingSeconds(gate.strikes, news.retryAfterSeconds);
      const until = secondsAfter(new Date(), seconds);
      // Of several attempts that were under way together the one that waits longest is right.
      const closedUntil = gate.closedUntil && gate.closedUntil > until ? gate.closedUntil : until;
      const reason = news.reason.slice(0, 500);
      await gate.update({ closedUntil, reason, strikes: gate.strikes + 1 }, { transaction });
    }
  });
}

const OPEN = { closedUntil: null, reason: null, strikes: 0 };

/** Nobody has asked for it in so long: it is made again when somebody does. */
const UNUSED_MS = 86_400_000;
const FORGET_AT_ONCE = 500;

/** Lets go of what is behind gates or before them although its time has passed, and of some gates that nobody uses. */
export async function tidyGates(database: Database, now: Date): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await GatePass.destroy({ where: { endsAt: { [Op.lt]: now } }, transaction });
    const gone = new Date(now.getTime() - GONE_AFTER_MS);
    await GateWaiter.destroy({ where: { until: { [Op.lt]: gone } }, transaction });
  });
  await inTransaction(database, async (transaction) => {
    const unused = {
      key: { [Op.notIn]: literal(USED) },
      places: null,
      ratePoints: null,
      closedUntil: { [Op.or]: [{ [Op.is]: null }, { [Op.lt]: now }] },
      updatedAt: { [Op.lt]: new Date(now.getTime() - UNUSED_MS) },
    };
    const found = await Gate.findAll({ where: unused, limit: FORGET_AT_ONCE, transaction });
    // Whoever came meanwhile keeps it.
    const key = { ...unused.key, [Op.in]: found.map((gate) => gate.key) };
    await Gate.destroy({ where: { ...unused, key }, transaction });
  });
}

const USED = "(SELECT gate FROM gate_passes UNION SELECT gate FROM gate_waiters)";
