import { type Actor, may } from "../../domain/accounts.ts";
import { CardSeller } from "../../models/cards/index.ts";

/** The products whose cards an actor's permissions reach; undefined for all, and for the cards without a product. */
export async function reachOf(actor: Actor): Promise<string[] | undefined> {
  if (may(actor, "cards:oversee")) return undefined;
  const sold = await CardSeller.findAll({
    attributes: ["productId"],
    where: { accountId: actor.accountId },
  });
  return sold.map(({ productId }) => productId);
}
