import { changeBy, type CardOrder, takenFrom } from "../../domain/cards/verbs.ts";
import { refusal } from "../../domain/errors.ts";
import { type Database, inTransaction } from "../database.ts";
import { countChange, writeChange } from "./changes.ts";
import { tellCards } from "./events.ts";
import { auditCard, type CardAsker, holdCard, standing, termsOf } from "./holding.ts";
import { type Card, CardMachine } from "./tables.ts";
import { chooseTimer } from "./timers.ts";

/** The verbs as what has happened. */
const PAST = {
  extend: "extended",
  suspend: "suspended",
  reinstate: "reinstated",
  ban: "banned",
} as const;

/** Does what somebody orders with one card. Refuses `cards/unfit-state`. */
export async function changeCard(
  database: Database,
  cardId: string,
  order: CardOrder,
  asker: CardAsker,
): Promise<Card> {
  const timer = await chooseTimer(database, asker.mostRuns);
  return inTransaction(database, async (transaction) => {
    const card = await holdCard(cardId, transaction);
    const before = standing(card);
    const { terms, clock } = await termsOf(card, timer, transaction);
    await writeChange(card, changeBy(card, order, clock, terms.now), terms, transaction);
    await tellCards(`card.${PAST[order.verb]}`, [card], transaction);
    if (card.state === "expired") await tellCards("card.expired", [card], transaction);
    await countChange(card, before.state, transaction);
    await auditCard(PAST[order.verb], card, before, asker, transaction);
    return card;
  });
}

/** Moves time from one card to another of the same product: `ms` of it, or all that is left when not given. */
export async function transferTime(
  database: Database,
  fromId: string,
  { toId, ms }: { toId: string; ms: number | undefined },
  asker: CardAsker,
): Promise<Card> {
  const timer = await chooseTimer(database, asker.mostRuns);
  return inTransaction(database, async (transaction) => {
    // Always in the same order, so that two who move time to and fro do not wait for each other.
    const held = new Map<string, Card>();
    for (const id of [fromId, toId].sort()) held.set(id, await holdCard(id, transaction));
    const [from, to] = [held.get(fromId)!, held.get(toId)!];
    if (fromId === toId || from.productId !== to.productId) {
      throw refusal("cards/unfit-state", "Time goes to another card of the same product.");
    }
    const [beforeFrom, beforeTo] = [standing(from), standing(to)];
    const { terms } = await termsOf(from, timer, transaction);
    const taken = takenFrom(from, ms, terms.now);
    await writeChange(from, taken.change, terms, transaction);
    const { terms: others, clock } = await termsOf(to, timer, transaction);
    const given = changeBy(to, { verb: "extend", ms: taken.ms }, clock, terms.now);
    await writeChange(to, given, others, transaction);
    await tellCards("card.transferred", [from, to], transaction);
    if (from.state === "expired") await tellCards("card.expired", [from], transaction);
    await countChange(from, beforeFrom.state, transaction);
    await countChange(to, beforeTo.state, transaction);
    await auditCard("transferred", from, { ...beforeFrom, to: toId }, asker, transaction);
    await auditCard("extended", to, { ...beforeTo, from: fromId }, asker, transaction);
    return from;
  });
}

/** Frees a card of one machine, or of all when none is named: another one may have its place. */
export async function unbindMachine(
  database: Database,
  cardId: string,
  machineCode: string | undefined,
  asker: CardAsker,
): Promise<Card> {
  return inTransaction(database, async (transaction) => {
    const card = await holdCard(cardId, transaction);
    const before = { ...standing(card), machine: machineCode ?? card.machineCode };
    const isFirst =
      card.machineCode !== null && (machineCode ?? card.machineCode) === card.machineCode;
    const gone = await CardMachine.destroy({
      where: { cardId, ...(machineCode !== undefined && { machineCode }) },
      transaction,
    });
    const freed = gone + (isFirst ? 1 : 0);
    if (freed === 0)
      throw refusal("cards/machine-not-found", "This card is bound to no such machine.");
    const first = isFirst ? { machineCode: null, machineParts: null } : {};
    await card.update({ ...first, machines: card.machines - freed }, { transaction });
    await tellCards("card.unbound", [card], transaction);
    await auditCard("unbound", card, before, asker, transaction);
    return card;
  });
}
