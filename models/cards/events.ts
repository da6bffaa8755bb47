import type { Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import type { OutwardEventName } from "../../domain/webhooks.ts";
import { emitAll } from "../webhooks/index.ts";

/** What the outside is told of a card. */
interface ToldCard {
  id: string;
  prefix: string;
  batchId: string | null;
  productId: string | null;
  expireAt: Date | null;
}

/** Tells the outside that the same thing happened to these cards, if, and only if, `transaction` commits. */
export async function tellCards(
  type: Extract<OutwardEventName, `card.${string}`>,
  cards: readonly ToldCard[],
  transaction: Transaction,
): Promise<void> {
  const events = cards.map(({ id, prefix, batchId, productId, expireAt }) => ({
    id: newId(),
    type,
    data: {
      card: id,
      prefix,
      batch: batchId,
      product: productId,
      expire_at: expireAt?.toISOString() ?? null,
    },
  }));
  await emitAll(events, transaction);
}
