import { Op, type Transaction } from "sequelize";
import { endAtMaking } from "../../domain/cards.ts";
import { timeGoneBy } from "../../domain/cards/bulk.ts";
import { refusal } from "../../domain/errors.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { recordAudit } from "../operations.ts";
import { becoming, newsFor } from "./changes.ts";
import { countCards } from "./counts.ts";
import { tellCards } from "./events.ts";
import { MOST_AT_ONCE } from "./expiry.ts";
import { auditCard, type CardAsker, holdCard, standing, termsOf } from "./holding.ts";
import { Card, CardPolicy } from "./tables.ts";
import { chooseTimer, tellTimer } from "./timers.ts";

/** What may be changed of a card by writing it anew; its state and its time have verbs, and its code is what it is. */
export type CardEdit = Partial<Pick<Card, "note" | "usesLeft" | "policyId" | "productId">>;

/**
 * Changes what is said of a card. What it is for and its policy stay once somebody has used it. `seen` is the card as
 * whoever changes it knows it: one that has changed since refuses `request/precondition-failed`.
 */
export async function editCard(
  database: Database,
  cardId: string,
  edit: CardEdit,
  asker: CardAsker,
  seen?: Card,
): Promise<Card> {
  return inTransaction(database, async (transaction) => {
    const card = await holdCard(cardId, transaction);
    if (seen && JSON.stringify(seen.get()) !== JSON.stringify(card.get())) throw overtaken();
    const before = card.get();
    const terms = await newTerms(card, edit, transaction);
    const change = { ...terms, ...edit };
    const news = terms.dueAt ? newsFor(card, { ...terms, dueAt: terms.dueAt }) : undefined;
    await card.update(change, { transaction });
    if (news) await tellTimer(news, transaction);
    await tellCards("card.changed", [card], transaction);
    if (before.productId !== card.productId) {
      await countCards(before.productId, { [card.state]: -1 }, card.shard, transaction);
      await countCards(card.productId, { [card.state]: 1 }, card.shard, transaction);
    }
    const was = picked(before, change);
    await auditCard("changed", card, was, asker, transaction, picked(card.get(), change));
    return card;
  });
}

/** What else a card becomes when it gets another policy: as if it had been made by it. */
async function newTerms(
  card: Card,
  { policyId, productId }: CardEdit,
  transaction: Transaction,
): Promise<Partial<Card>> {
  const moves = productId !== undefined && productId !== card.productId;
  const changes = policyId !== undefined && policyId !== card.policyId;
  if (!moves && !changes) return {};
  if (card.state !== "unused") {
    throw refusal(
      "cards/unfit-state",
      "What a card is for, and its policy, can be changed while it is unused. Extend it, or make another one.",
    );
  }
  if (!changes) return {};
  const policy = policyId === null ? null : await CardPolicy.findByPk(policyId, { transaction });
  const now = new Date();
  const expireAt = policy && endAtMaking(policy, card.createdAt);
  if (expireAt && expireAt <= now) {
    throw refusal("cards/unfit-state", "By this policy the time of this card would be over.");
  }
  const terms = { noticeSeconds: policy?.noticeSeconds ?? null, timer: "wheel" as const, now };
  const change = { state: card.state, expireAt, remainingMs: null };
  return { ...becoming(card, change, terms), usesLeft: policy?.uses ?? null };
}

/** Deletes a card so that it can be restored: nobody finds it, its code stays taken, and its timer ends. */
export async function deleteCard(
  database: Database,
  cardId: string,
  asker: CardAsker,
): Promise<Card> {
  return inTransaction(database, async (transaction) => {
    const card = await holdCard(cardId, transaction);
    const { id, shard, codeTail, timer, dueAt, state } = card;
    const clock = { noticeAt: null, dueAt: null, ...(timer === "wheel" && { timer: null }) };
    await card.update({ deletedAt: new Date(), ...clock }, { transaction });
    // Its run looks, finds that nothing is due any more, and is over.
    if (timer === "run" && dueAt) {
      await tellTimer({ id, shard, codeTail, timer, dueAt }, transaction);
    }
    await tellCards("card.deleted", [card], transaction);
    await countCards(card.productId, { [state]: -1, deleted: 1 }, shard, transaction);
    await auditCard("deleted", card, standing(card), asker, transaction, {});
    return card;
  });
}

/** Restores a card that was deleted no longer than `keptSeconds` ago. Its time went by meanwhile. */
export async function restoreCard(
  database: Database,
  cardId: string,
  keptSeconds: number,
  asker: CardAsker,
): Promise<Card> {
  const timer = await chooseTimer(database, asker.mostRuns);
  return inTransaction(database, async (transaction) => {
    const card = await holdCard(cardId, transaction, secondsAfter(new Date(), -keptSeconds));
    const { terms } = await termsOf(card, timer, transaction);
    const next = becoming(card, timeGoneBy(card, terms.now), terms);
    const before = { state: card.state };
    const news = newsFor(card, next);
    await card.update({ ...next, deletedAt: null }, { transaction });
    if (news) await tellTimer(news, transaction);
    await tellCards("card.restored", [card], transaction);
    if (card.state !== before.state) await tellCards("card.expired", [card], transaction);
    await countCards(card.productId, { deleted: -1, [card.state]: 1 }, card.shard, transaction);
    await auditCard("restored", card, before, asker, transaction);
    return card;
  });
}

/** Removes cards for good that were deleted before, at most so many as fit; answers how many there were. */
export async function removeDeletedCards(database: Database, deletedBefore: Date): Promise<number> {
  return inTransaction(database, async (transaction) => {
    const cards = await Card.findAll({
      attributes: ["id", "productId", "shard"],
      where: { deletedAt: { [Op.lte]: deletedBefore } },
      order: [["deletedAt", "ASC"]],
      limit: MOST_AT_ONCE,
      lock: transaction.LOCK.UPDATE,
      transaction,
    });
    const [first] = cards;
    if (!first) return 0;
    await Card.destroy({ where: { id: cards.map(({ id }) => id) }, transaction });
    for (const productId of new Set(cards.map((card) => card.productId))) {
      const gone = cards.filter((card) => card.productId === productId).length;
      await countCards(productId, { deleted: -gone }, first.shard, transaction);
    }
    const after = { cards: cards.length, deleted_before: deletedBefore.toISOString() };
    const subject = { subjectKind: "cards", subjectId: "deleted" };
    await recordAudit({ actor: null, ...subject, action: "cards.removed", after }, transaction);
    return cards.length;
  });
}

function overtaken() {
  return refusal(
    "request/precondition-failed",
    "This card has changed since you read it: read it again, and change what is there now.",
  );
}

function picked(row: object, change: object): object {
  return Object.fromEntries(Object.keys(change).map((name) => [name, row[name as keyof object]]));
}
