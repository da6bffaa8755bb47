import { literal, Op, type Transaction } from "sequelize";
import {
  assertGood,
  assertRoom,
  assertUses,
  isSameMachine,
  type Machine,
} from "../../domain/cards/judgement.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { tell } from "../statements.ts";
import { countCards } from "./counts.ts";
import { tellCards } from "./events.ts";
import { findShownCard, otherMachines, type ShownCard } from "./showing.ts";
import { Card, CardMachine, CardUse } from "./tables.ts";
import { beginTimer, chooseTimer, clockOf } from "./timers.ts";

/** A card that somebody shows. */
export interface Showing {
  /** The keyed hashes of its code. */
  hashes: readonly string[];
  machine: Machine;
  /** The product that it is shown for, if that is said. */
  product: string | undefined;
  /** What this use is known by, if it is to count once however often it is asked for. */
  useId: string | undefined;
  /** Called when there is such a card, before anything is changed; what it throws is the answer. */
  whenFound?: () => void;
}

/** What holds for cards that no policy says anything about. */
export interface CardDefaults {
  termSeconds: number;
  /** Up to so many active cards have a workflow of their own. */
  mostRuns: number;
}

/** Others may change the card while we look: then we look again, and each time something has come to its end. */
const TRIES = 20;

/**
 * Says whether a card is good for a machine, and makes it so where it is its first, or there is room for it: a
 * conditional update decides between those who come at once. Undefined when there is no such card; refuses with what
 * stands against it, in the order of the contract.
 */
export async function validateCard(
  database: Database,
  showing: Showing,
  defaults: CardDefaults,
): Promise<ShownCard | undefined> {
  for (let tries = 0; tries < TRIES; tries++) {
    const card = await findShownCard(database, showing.hashes);
    if (!card) return undefined;
    showing.whenFound?.();
    assertGood(card, showing.product, new Date());
    const good = await admit(database, card, showing, defaults);
    if (good) return good;
  }
  throw new Error("a card changed faster than it could be looked at");
}

/** Undefined when the card is no longer what it was. */
async function admit(
  database: Database,
  card: ShownCard,
  showing: Showing,
  defaults: CardDefaults,
): Promise<ShownCard | undefined> {
  if (card.state === "unused") {
    assertUses(card);
    return activate(database, card, showing, defaults);
  }
  if (await isBound(database, card, showing.machine)) {
    return card.usesLeft === null ? card : takeUse(database, card, showing);
  }
  assertRoom(card);
  assertUses(card);
  return bind(database, card, showing);
}

async function isBound(database: Database, card: ShownCard, shown: Machine): Promise<boolean> {
  const { machineCode, machineParts, machines, partsRequired } = card;
  const isIt = (one: Machine) => isSameMachine(one, shown, partsRequired);
  if (machineCode !== null && isIt({ machineCode, machineParts })) return true;
  const others = machines - (machineCode === null ? 0 : 1);
  return others > 0 && (await otherMachines(database, card.id)).some(isIt);
}

/** For a card's id, and the uses that were left when it was looked at: -1 where nobody counts. */
const STILL_UNUSED =
  "id = ? AND state = 'unused' AND deleted_at IS NULL AND COALESCE(uses_left, -1) = ?";

/** The first machine: the clock begins, unless it has begun with the card's making. */
async function activate(
  database: Database,
  card: ShownCard,
  { machine, useId }: Showing,
  { termSeconds: usual, mostRuns }: CardDefaults,
): Promise<ShownCard | undefined> {
  const { id, shard, productId, noticeSeconds, codeTail } = card;
  const begun = card.expireAt !== null;
  const timer = card.timer ?? (await chooseTimer(database, mostRuns));
  return inTransaction(database, async (transaction) => {
    const now = new Date();
    const { termSeconds = usual } = card;
    const expireAt = begun || termSeconds === null ? card.expireAt : secondsAfter(now, termSeconds);
    const clock = begun ? undefined : clockOf(expireAt, noticeSeconds, now);
    const usesLeft = card.usesLeft === null ? null : card.usesLeft - 1;
    const columns = {
      state: "active",
      machine_code: machine.machineCode,
      machine_parts: machine.machineParts && JSON.stringify(machine.machineParts),
      machines: 1,
      used_at: now,
      uses_left: usesLeft,
      updated_at: now,
      ...(clock && { expire_at: expireAt, notice_at: clock.noticeAt, due_at: clock.dueAt }),
      ...(expireAt && { timer }),
    };
    const places = Object.keys(columns).map((column) => `${column} = ?`);
    const activated = await tell(
      `UPDATE cards SET ${places.join(", ")} WHERE ${STILL_UNUSED}`,
      [...Object.values(columns), id, card.usesLeft ?? -1],
      transaction,
    );
    if (activated !== 1) return undefined;
    if (useId !== undefined) await CardUse.create({ cardId: id, useId }, { transaction });
    const dueAt = clock?.dueAt;
    if (dueAt) await beginTimer({ id, shard, timer, dueAt, codeTail }, transaction);
    const active = { state: "active" as const, ...machine, machines: 1, usedAt: now };
    const activeCard = { ...card, ...active, expireAt, usesLeft };
    await tellCards("card.activated", [activeCard], transaction);
    await countCards(productId, { unused: -1, active: 1 }, shard, transaction);
    return activeCard;
  });
}

/** One more machine, where there is room: the card's own row lets one in after the other. */
async function bind(
  database: Database,
  card: ShownCard,
  { machine, useId }: Showing,
): Promise<ShownCard | undefined> {
  const { id: cardId, machines, usesLeft } = card;
  return onceTaken(() =>
    inTransaction(database, async (transaction) => {
      const before = { id: cardId, state: "active" as const, machines, deletedAt: null, usesLeft };
      const [counted] = await Card.update(
        { machines: machines + 1, ...(usesLeft !== null && { usesLeft: usesLeft - 1 }) },
        { where: before, transaction },
      );
      if (counted !== 1) return undefined;
      const slot = await freeSlot(cardId, transaction);
      await CardMachine.create({ cardId, slot, ...machine }, { transaction });
      if (useId !== undefined) await CardUse.create({ cardId, useId }, { transaction });
      return { ...card, machines: machines + 1 };
    }),
  );
}

/** Slots of machines that were unbound are free again. */
async function freeSlot(cardId: string, transaction: Transaction): Promise<number> {
  const rows = await CardMachine.findAll({ attributes: ["slot"], where: { cardId }, transaction });
  const taken = new Set(rows.map(({ slot }) => slot));
  let slot = 1;
  while (taken.has(slot)) slot++;
  return slot;
}

/** Counts one use, and the same use never twice. */
async function takeUse(
  database: Database,
  card: ShownCard,
  { useId }: Showing,
): Promise<ShownCard | undefined> {
  const { id: cardId } = card;
  if (useId !== undefined && (await CardUse.count({ where: { cardId, useId } })) > 0) return card;
  assertUses(card);
  return onceTaken(() =>
    inTransaction(database, async (transaction) => {
      const good = { id: cardId, state: "active" as const, deletedAt: null };
      const [taken] = await Card.update(
        { usesLeft: literal("uses_left - 1") },
        { where: { ...good, usesLeft: { [Op.gt]: 0 } }, transaction },
      );
      if (taken !== 1) return undefined;
      if (useId !== undefined) await CardUse.create({ cardId, useId }, { transaction });
      return { ...card, usesLeft: (card.usesLeft ?? 1) - 1 };
    }),
  );
}

/** Somebody was faster with the same machine, slot or use: undefined, and the card is looked at again. */
async function onceTaken<T>(body: () => Promise<T>): Promise<T | undefined> {
  try {
    return await body();
  } catch (error) {
    if (isTaken(error)) return undefined;
    throw error;
  }
}
