import { Op } from "sequelize";
import {
  CardPolicy,
  CardProduct,
  changePolicy,
  changeProduct,
  createPolicy,
  createProduct,
  namesOf,
  sellersOf,
  setSeller,
} from "../../../models/cards/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { findPolicy, findProduct, reachOf } from "../../policies/cards.ts";
import { type Call, route } from "../../route.ts";
import { Done } from "../../schemas/accounts.ts";
import {
  NewPolicy,
  NewProduct,
  PoliciesOut,
  PolicyChange,
  PolicyId,
  PolicyOut,
  presentPolicy,
  presentProduct,
  presentSellers,
  ProductChange,
  ProductOut,
  ProductSlug,
  ProductsOut,
  readPolicy,
  SellerOfProduct,
  SellersOut,
} from "../../schemas/cards/terms.ts";

const PRODUCTS = "/api/v1/cards/products";
const POLICIES = "/api/v1/cards/policies";

export const listCardProducts = route({
  method: "get",
  path: PRODUCTS,
  summary: "What cards are sold for: everything, or what you sell",
  access: "cards:read",
  returns: [200, ProductsOut],
  async handle({ actor }) {
    const reach = await reachOf(actor);
    const where = reach ? { id: reach } : {};
    const rows = await CardProduct.findAll({ where, order: [["slug", "ASC"]] });
    return { items: rows.map(presentProduct) };
  },
});

export const createCardProduct = route({
  method: "post",
  path: PRODUCTS,
  summary: "Add a product that cards can be sold for",
  access: "cards:administer",
  body: NewProduct,
  returns: [201, ProductOut],
  async handle(call) {
    const product = { id: newId(), ...call.body };
    const row = await createProduct(call.services.database, product, call);
    call.header("Location", `${PRODUCTS}/${row.slug}`);
    return presentProduct(row);
  },
});

export const changeCardProduct = route({
  method: "patch",
  path: `${PRODUCTS}/:slug`,
  summary: "Change a product's name, or what its cards permit",
  access: "cards:administer",
  params: ProductSlug,
  body: ProductChange,
  returns: [200, ProductOut],
  async handle(call) {
    const { id } = await findProduct(call.actor, call.params.slug);
    const { name, entitlements } = call.body;
    const change = {
      ...(name !== undefined && { name }),
      ...(entitlements !== undefined && { entitlements }),
    };
    return presentProduct(await changeProduct(call.services.database, id, change, call));
  },
});

export const listCardSellers = route({
  method: "get",
  path: `${PRODUCTS}/:slug/sellers`,
  summary: "Who sells a product",
  access: "cards:oversee",
  params: ProductSlug,
  returns: [200, SellersOut],
  async handle({ actor, params }) {
    const { id } = await findProduct(actor, params.slug);
    return presentSellers(await sellersOf(id));
  },
});

export const addCardSeller = route({
  method: "put",
  path: `${PRODUCTS}/:slug/sellers/:account`,
  summary: "Let somebody sell a product: their rights then reach its cards",
  access: "cards:administer",
  params: SellerOfProduct,
  returns: [200, Done],
  async handle(call) {
    await appoint(call, true);
    return { message: "Seller added", success: true as const };
  },
});

export const removeCardSeller = route({
  method: "delete",
  path: `${PRODUCTS}/:slug/sellers/:account`,
  summary: "Let somebody sell a product no more",
  access: "cards:administer",
  params: SellerOfProduct,
  returns: [200, Done],
  async handle(call) {
    await appoint(call, false);
    return { message: "Seller removed", success: true as const };
  },
});

export const listCardPolicies = route({
  method: "get",
  path: POLICIES,
  summary: "The terms by which cards can be ordered",
  access: "cards:read",
  returns: [200, PoliciesOut],
  async handle({ actor }) {
    const reach = await reachOf(actor);
    const where = reach ? { productId: { [Op.or]: [{ [Op.is]: null }, { [Op.in]: reach }] } } : {};
    const rows = await CardPolicy.findAll({ where, order: [["name", "ASC"]] });
    const { products } = await namesOf(rows);
    return { items: rows.map((row) => presentPolicy(row, products)) };
  },
});

export const createCardPolicy = route({
  method: "post",
  path: POLICIES,
  summary: "Add terms by which cards can be ordered",
  access: "cards:administer",
  body: NewPolicy,
  returns: [201, PolicyOut],
  async handle(call) {
    const { product, ...terms } = call.body;
    const productId = product === null ? null : (await findProduct(call.actor, product)).id;
    const { name, term_seconds: termSeconds } = terms;
    const policy = { ...readPolicy(terms), id: newId(), name, termSeconds, productId };
    return show(await createPolicy(call.services.database, policy, call));
  },
});

export const changeCardPolicy = route({
  method: "patch",
  path: `${POLICIES}/:id`,
  summary: "Change terms: for cards not yet activated, and for what is asked of the others",
  access: "cards:administer",
  params: PolicyId,
  body: PolicyChange,
  returns: [200, PolicyOut],
  async handle(call) {
    const { id } = await findPolicy(call.actor, call.params.id);
    return show(await changePolicy(call.services.database, id, readPolicy(call.body), call));
  },
});

async function show(row: CardPolicy) {
  const { products } = await namesOf([row]);
  return presentPolicy(row, products);
}

type SellerCall = Pick<
  Call<{ slug: string; account: string }, unknown, unknown, unknown, "cards:administer">,
  "actor" | "address" | "params" | "requestId" | "services"
>;

async function appoint(call: SellerCall, sells: boolean): Promise<void> {
  const { id: productId } = await findProduct(call.actor, call.params.slug);
  const { account: accountId } = call.params;
  await setSeller(call.services.database, { productId, accountId, sells }, call);
}
