import type { Transaction } from "sequelize";
import { type CardState, NO_PRODUCT } from "../../domain/cards.ts";
import { isTaken } from "../database.ts";
import { tell } from "../statements.ts";
import { CardCount } from "./tables.ts";

/** What cards are counted as. */
type Counted = CardState | "deleted";

/** How many cards there are of each kind. */
export type CardCounts = Record<Counted, number>;

const KINDS = ["unused", "active", "suspended", "expired", "banned", "deleted"] as const;

/**
 * Changes the counts of a product (null: cards without one) by so much, as the last but the audit in the transaction
 * that changes the cards. Those who change one card take its shard as the slot, so that they seldom meet.
 */
export async function countCards(
  productId: string | null,
  change: Partial<CardCounts>,
  slot: number,
  transaction: Transaction,
): Promise<void> {
  const where = { productId: productId ?? NO_PRODUCT, slot };
  const changes = Object.entries(change).filter(([, by]) => by !== 0);
  if (changes.length === 0) return;
  const places = changes.map(([kind]) => `${kind} = ${kind} + ?`).join(", ");
  const count = () =>
    tell(
      `UPDATE card_counts SET ${places} WHERE product_id = ? AND slot = ?`,
      [...changes.map(([, by]) => by), where.productId, slot],
      transaction,
    );
  if ((await count()) === 1) return;
  // The first card of this product in this slot.
  try {
    await CardCount.create(where, { transaction });
  } catch (error) {
    if (!isTaken(error)) throw error;
  }
  await count();
}

/** How many cards there are of these products; of all when not given. */
export async function sumCards(
  products?: readonly (string | null)[],
  transaction?: Transaction,
): Promise<CardCounts> {
  const rows = await CardCount.findAll({
    where: products ? { productId: products.map((one) => one ?? NO_PRODUCT) } : {},
    ...(transaction ? { transaction } : {}),
  });
  const sum = (kind: Counted) => rows.reduce((total, row) => total + row[kind], 0);
  return Object.fromEntries(KINDS.map((kind) => [kind, sum(kind)])) as CardCounts;
}
