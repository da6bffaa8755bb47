import { type Actor, may } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { Card, CardSeller } from "../../models/cards/index.ts";

/** The products whose cards an actor's permissions reach; undefined for all, and for the cards without a product. */
export async function reachOf(actor: Actor): Promise<string[] | undefined> {
  if (may(actor, "cards:oversee")) return undefined;
  const sold = await CardSeller.findAll({
    attributes: ["productId"],
    where: { accountId: actor.accountId },
  });
  return sold.map(({ productId }) => productId);
}

/** The card with this id. One of a product that the actor does not sell looks the same as one that never was. */
export async function findCard(actor: Actor, id: string): Promise<Card> {
  const row = await Card.findOne({ where: { id, deletedAt: null } });
  const reach = await reachOf(actor);
  if (!row || (reach && !(row.productId !== null && reach.includes(row.productId)))) {
    throw refusal("cards/not-found", "There is no such card.");
  }
  return row;
}
