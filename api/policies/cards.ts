import { Op } from "sequelize";
import { type Actor, may } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import {
  Card,
  CardBatch,
  CardBulk,
  CardImport,
  CardPolicy,
  CardProduct,
  CardSeller,
} from "../../models/cards/index.ts";

/** The products whose cards an actor's permissions reach; undefined for all, and for the cards without a product. */
export async function reachOf(actor: Actor): Promise<string[] | undefined> {
  if (may(actor, "cards:oversee")) return undefined;
  const sold = await CardSeller.findAll({
    attributes: ["productId"],
    where: { accountId: actor.accountId },
  });
  return sold.map(({ productId }) => productId);
}

/** Whether an actor's permissions reach the cards of a product; null: those without one. */
async function reaches(actor: Actor, productId: string | null): Promise<boolean> {
  const reach = await reachOf(actor);
  return reach === undefined || (productId !== null && reach.includes(productId));
}

/** The product with this slug. One that the actor does not sell looks the same as one that never was. */
export async function findProduct(actor: Actor, slug: string): Promise<CardProduct> {
  const row = await CardProduct.findOne({ where: { slug } });
  if (!row || !(await reaches(actor, row.id))) {
    throw refusal("cards/product-not-found", "There is no such product.");
  }
  return row;
}

/** A policy that this actor may order cards by: of any product, or of one that they sell. */
export async function findPolicy(actor: Actor, nameOrId: string): Promise<CardPolicy> {
  const row = await CardPolicy.findOne({ where: { [Op.or]: { id: nameOrId, name: nameOrId } } });
  if (!row || (row.productId !== null && !(await reaches(actor, row.productId)))) {
    throw refusal("cards/policy-not-found", "There is no such policy.");
  }
  return row;
}

/** The batch with this id, under the same rule as its cards. */
export async function findBatch(actor: Actor, id: string): Promise<CardBatch> {
  const row = await CardBatch.findByPk(id);
  if (!row || !(await reaches(actor, row.productId))) {
    throw refusal("cards/batch-not-found", "There is no such batch.");
  }
  return row;
}

/** The bulk with this id: one's own, or anybody's for those who oversee cards. */
export async function findBulk(actor: Actor, id: string): Promise<CardBulk> {
  const row = await CardBulk.findByPk(id);
  if (!row || !(row.accountId === actor.accountId || may(actor, "cards:oversee"))) {
    throw refusal("cards/bulk-not-found", "There is no such order.");
  }
  return row;
}

/** The import with this id, under the same rule. */
export async function findImport(actor: Actor, id: string): Promise<CardImport> {
  const row = await CardImport.findByPk(id);
  if (!row || !(row.accountId === actor.accountId || may(actor, "cards:oversee"))) {
    throw refusal("cards/import-not-found", "There is no such import.");
  }
  return row;
}

/** Refuses `cards/results-gone` once it is not kept any more what became of single cards, or lines. */
export function demandResults({ hasResults }: Pick<CardBulk | CardImport, "hasResults">): void {
  if (hasResults) return;
  throw refusal(
    "cards/results-gone",
    "What became of each of them was kept for a while, which is over: only the counts are left.",
  );
}

/**
 * What cards are to be ordered for, and by which terms. The product is the one that is named, else the policy's, else
 * the only one that a seller has.
 */
export async function findTerms(
  actor: Actor,
  asked: { policy?: string | undefined; product?: string | undefined },
): Promise<{ policyId: string | null; productId: string | null }> {
  const policy = asked.policy === undefined ? undefined : await findPolicy(actor, asked.policy);
  const named = asked.product === undefined ? undefined : await findProduct(actor, asked.product);
  const reach = await reachOf(actor);
  const only = reach?.length === 1 ? reach[0] : undefined;
  const productId = named?.id ?? policy?.productId ?? only ?? null;
  if (reach && productId === null) {
    throw refusal("cards/product-needed", "Name a product that you sell.");
  }
  if (policy?.productId && policy.productId !== productId) {
    throw refusal("cards/policy-of-other-product", "This policy is for cards of another product.");
  }
  return { policyId: policy?.id ?? null, productId };
}

/**
 * The card with this id. One of a product that the actor does not sell looks the same as one that never was; so does one
 * that was deleted, unless `deleted` cards are asked for too.
 */
export async function findCard(
  actor: Actor,
  id: string,
  { deleted = false }: { deleted?: boolean } = {},
): Promise<Card> {
  const row = await Card.findOne({ where: { id, ...(!deleted && { deletedAt: null }) } });
  if (!row || !(await reaches(actor, row.productId))) {
    throw refusal("cards/not-found", "There is no such card.");
  }
  return row;
}

/** What a card is to be for and by which policy, of which some is said anew. */
export async function findNewTerms(
  actor: Actor,
  card: Card,
  asked: { policy?: string | null | undefined; product?: string | null | undefined },
): Promise<{ policyId?: string | null; productId?: string | null }> {
  if (asked.policy === undefined && asked.product === undefined) return {};
  const policyNow = asked.policy === undefined ? card.policyId : asked.policy;
  const policy = policyNow === null ? null : await findPolicy(actor, policyNow);
  const product = asked.product == null ? null : await findProduct(actor, asked.product);
  const productId = asked.product === undefined ? card.productId : (product?.id ?? null);
  if (!(await reaches(actor, productId))) {
    throw refusal("cards/product-needed", "Name a product that you sell.");
  }
  if (policy?.productId && policy.productId !== productId) {
    throw refusal("cards/policy-of-other-product", "This policy is for cards of another product.");
  }
  return { policyId: policy?.id ?? null, productId };
}
