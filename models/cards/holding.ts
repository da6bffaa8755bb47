import { Op, type Transaction } from "sequelize";
import type { CardTimer } from "../../domain/cards.ts";
import { refusal } from "../../domain/errors.ts";
import { type Audit, recordAudit } from "../operations.ts";
import type { ChangeTerms } from "./changes.ts";
import { Card, CardPolicy } from "./tables.ts";

/** Who orders something of a card, and why. */
export interface CardAsker {
  actor: Audit["actor"];
  address: string;
  requestId: string;
  reason: string | undefined;
  /** Up to so many active cards have a workflow of their own. */
  mostRuns: number;
}

/** A card that is the transaction's alone until it ends: one that is not deleted, or was, but after `deletedAfter`. */
export async function holdCard(
  id: string,
  transaction: Transaction,
  deletedAfter?: Date,
): Promise<Card> {
  const where = { id, deletedAt: deletedAfter ? { [Op.gt]: deletedAfter } : null };
  const card = await Card.findOne({ where, lock: transaction.LOCK.UPDATE, transaction });
  if (!card) throw refusal("cards/not-found", "There is no such card.");
  return card;
}

/** What the policy of a card says of its changes; `timer` looks after it if its clock begins to run. */
export async function termsOf({ policyId }: Card, timer: CardTimer, transaction: Transaction) {
  const policy = policyId === null ? null : await CardPolicy.findByPk(policyId, { transaction });
  const terms: ChangeTerms = {
    noticeSeconds: policy?.noticeSeconds ?? null,
    timer,
    now: new Date(),
  };
  return { terms, clock: policy?.suspendedClock ?? ("runs" as const) };
}

/** Where a card stands, as its audit says it. */
export function standing({ state, expireAt, remainingMs }: Card) {
  return { state, expire_at: expireAt?.toISOString() ?? null, remaining_ms: remainingMs };
}

/** Writes down what was done with a card: `cards.<what>`. */
export function auditCard(
  what: string,
  card: Card,
  before: object,
  { actor, address, requestId, reason }: CardAsker,
  transaction: Transaction,
  after: object = standing(card),
): Promise<void> {
  const about = { subjectKind: "card", subjectId: card.id, before };
  const said = { ...after, ...(reason !== undefined && { reason }) };
  const origin = { actor, address, requestId };
  return recordAudit({ ...origin, ...about, action: `cards.${what}`, after: said }, transaction);
}
