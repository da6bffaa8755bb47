import type { Actor } from "../../../domain/accounts.ts";
import { type CardFilters, findByText } from "../../../models/cards/index.ts";
import { findBatch, findProduct, reachOf } from "../../policies/cards.ts";
import type { Services } from "../../services.ts";

type Asked = Pick<CardFilters, "sort" | "from" | "to" | "prefix" | "deleted"> &
  Partial<Record<"batch_id" | "product" | "text", string | undefined>> & {
    status?: CardFilters["state"];
  };

/** What an actor asks for, of what they may see. */
export async function filtersOf(
  actor: Actor,
  { status: state, batch_id, product, text, ...rest }: Asked,
  { cardCodes }: Pick<Services, "cardCodes">,
): Promise<CardFilters> {
  const named = product === undefined ? undefined : [(await findProduct(actor, product)).id];
  const batchId = batch_id === undefined ? undefined : (await findBatch(actor, batch_id)).id;
  const found = text === undefined ? undefined : await findByText(text, cardCodes.hashes(text));
  return { ...rest, state, batchId, found, productIds: named ?? (await reachOf(actor)) };
}
