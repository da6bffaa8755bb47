import { Op } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import type { GateTerms } from "../../domain/gates.ts";
import type { Origin } from "../accounts/audit.ts";
import { type Database, inTransaction } from "../database.ts";
import { recordAudit } from "../operations.ts";
import { Gate, GatePass, GateWaiter } from "./tables.ts";

/** A gate with who is behind it and who waits, those who came first first. */
export interface GateView {
  gate: Gate;
  passes: GatePass[];
  waiters: GateWaiter[];
}

/** The most gates that are shown at once. */
const SHOWN = 500;

/** Gates that somebody waits before or is behind, that are closed, or that an operator has set; by their keys. */
export async function listGates(): Promise<GateView[]> {
  const now = new Date();
  const passes = await GatePass.findAll({ where: { endsAt: { [Op.gt]: now } }, limit: 5000 });
  const waiters = await GateWaiter.findAll({ order: [["createdAt", "ASC"]], limit: 5000 });
  const busy = [...new Set([...passes, ...waiters].map(({ gate }) => gate))];
  const gates = await Gate.findAll({
    where: {
      [Op.or]: [
        { key: busy },
        { closedUntil: { [Op.gt]: now } },
        { places: { [Op.not]: null } },
        { ratePoints: { [Op.not]: null } },
      ],
    },
    order: [["key", "ASC"]],
    limit: SHOWN,
  });
  return gates.map((gate) => ({
    gate,
    passes: passes.filter((pass) => pass.gate === gate.key),
    waiters: waiters.filter((waiter) => waiter.gate === gate.key),
  }));
}

/** What an operator says of a gate; null brings back what is usual. */
export interface GateWish {
  places: number | null;
  rate: GateTerms["rate"] | null;
}

/** Sets how many may be behind a gate and how often it may be passed; the gate need not have been asked for yet. */
export async function setGate(
  database: Database,
  key: string,
  { places, rate }: GateWish,
  origin: Origin,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const rates = { ratePoints: rate?.points ?? null, rateSeconds: rate?.seconds ?? null };
    const [gate] = await Gate.findOrCreate({ where: { key }, defaults: { key }, transaction });
    const before = { places: gate.places, points: gate.ratePoints, seconds: gate.rateSeconds };
    await gate.update({ places, ...rates }, { transaction });
    const about = { subjectKind: "gate", subjectId: key.slice(0, 64), before };
    await record(origin, "gates.set", { ...about, after: { places, rate } }, transaction);
  });
}

/** Opens a gate that is closed, at once; answers who waits before it. */
export async function openGate(database: Database, key: string, origin: Origin): Promise<string[]> {
  return inTransaction(database, async (transaction) => {
    const gate = await Gate.findByPk(key, { lock: transaction.LOCK.UPDATE, transaction });
    if (!gate) throw refusal("gates/not-found", "There is no such gate.");
    const before = { closedUntil: gate.closedUntil, reason: gate.reason };
    await gate.update({ closedUntil: null, reason: null, strikes: 0 }, { transaction });
    const about = { subjectKind: "gate", subjectId: key.slice(0, 64), before };
    const where = { gate: key };
    const waiters = await GateWaiter.findAll({ attributes: ["holder"], where, transaction });
    await record(origin, "gates.opened", about, transaction);
    return waiters.map(({ holder }) => holder);
  });
}

type Recorded = Parameters<typeof recordAudit>;

function record(
  { actor, address, requestId }: Origin,
  action: string,
  about: Pick<Recorded[0], "subjectKind" | "subjectId" | "before" | "after">,
  transaction: Recorded[1],
): Promise<void> {
  const from = { ...(address && { address }), ...(requestId && { requestId }) };
  return recordAudit({ actor, ...from, action, ...about }, transaction);
}
