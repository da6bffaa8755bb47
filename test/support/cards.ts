import { type Actor, builtInRole } from "../../domain/accounts.ts";
import { createHash } from "node:crypto";
import { type CardState, shardOf } from "../../domain/cards.ts";
import {
  Card,
  CardBatch,
  type CardDefaults,
  CardPolicy,
  CardProduct,
  CardSeller,
  countCards,
  validateCard,
} from "../../models/cards/index.ts";
import { Account } from "../../models/accounts.ts";
import { type Database, inTransaction } from "../../models/database.ts";
import { newId } from "../../platform/crypto.ts";
import { startApi } from "./api.ts";

/** A new product. */
export async function makeProduct(slug = `product-${newId().slice(-12)}`): Promise<CardProduct> {
  return CardProduct.create({ id: newId(), slug, name: slug });
}

/** A new policy: an hour from the activation unless something else is said. */
export async function makePolicy(given: Partial<CardPolicy> = {}): Promise<CardPolicy> {
  const id = newId();
  return CardPolicy.create({ id, name: id, productId: null, termSeconds: 3600, ...given });
}

/** A new batch, completed; its cards are yet to be made. */
export async function makeBatch(given: Partial<CardBatch> = {}): Promise<CardBatch> {
  const form = { codeLength: 10, alphabet: "plain", state: "completed" } as const;
  return CardBatch.create({
    id: newId(),
    prefix: "VIP",
    count: 1,
    generated: 1,
    ...form,
    ...given,
  });
}

/** A card as its batch makes it, counted; nobody knows its code unless `codeHash` is given. */
export async function makeCard(
  database: Database,
  given: Partial<Card> & { state?: CardState } = {},
): Promise<Card> {
  const id = given.id ?? newId();
  const codeHash = createHash("sha256").update(id).digest("hex");
  const code = { prefix: "VIP", codeHash, codeTail: "0000", codeSealed: "sealed" };
  return inTransaction(database, async (transaction) => {
    const card = await Card.create({ id, ...code, shard: shardOf(id), ...given }, { transaction });
    await countCards(card.productId ?? null, { [card.state]: 1 }, card.shard, transaction);
    return card;
  });
}

/** Shows a card to the models; as the machine `PC-1` unless something else is said. */
export function show(
  database: Database,
  { codeHash }: Pick<Card, "codeHash">,
  given: { machineCode?: string; machineParts?: string[]; useId?: string; product?: string } = {},
  defaults: Partial<CardDefaults> = {},
) {
  const { machineCode = "PC-1", machineParts = null, useId, product } = given;
  const showing = { hashes: [codeHash], machine: { machineCode, machineParts }, product, useId };
  return validateCard(database, showing, { termSeconds: 10_800, mostRuns: 100, ...defaults });
}

/** Somebody who sells these products and no others. */
export async function makeSeller(...products: CardProduct[]): Promise<Actor> {
  const accountId = newId();
  const name = `seller-${accountId.slice(-12)}`;
  await Account.create({ id: accountId, username: name, passwordHash: "h", role: "seller" });
  for (const { id: productId } of products) await CardSeller.create({ productId, accountId });
  return { accountId, name, permissions: builtInRole("seller")! };
}

/** The code of `startWithCard`'s card. */
export const CODE = "VIP-DEMO123456";

/** An API with one card, whose code is `CODE`. */
export async function startWithCard(given: Partial<Card> = {}, env: Record<string, string> = {}) {
  const api = await startApi({ env });
  const { cardCodes, database } = api.services;
  const id = newId();
  const code = { codeHash: cardCodes.hash(CODE), codeSealed: cardCodes.seal(CODE, id) };
  const card = await makeCard(database, { id, ...code, codeTail: "3456", ...given });
  return { api, card };
}
