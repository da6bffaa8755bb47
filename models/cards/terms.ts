import type { Transaction } from "sequelize";
import type { StartBasis, SuspendedClock } from "../../domain/cards.ts";
import { refusal, type RefusalCode } from "../../domain/errors.ts";
import { Account } from "../accounts.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { type Audit, recordAudit } from "../operations.ts";
import type { Origin } from "./batches.ts";
import { type CardBatch, CardPolicy, CardProduct, CardSeller } from "./tables.ts";

/** What is said of a product. */
export type ProductTerms = Pick<CardProduct, "slug" | "name" | "entitlements">;

/** Makes a product. Refuses `cards/slug-taken`. */
export async function createProduct(
  database: Database,
  product: ProductTerms & { id: string },
  origin: Origin,
): Promise<CardProduct> {
  return taking("cards/slug-taken", "There is a product with this slug: choose another.", () =>
    inTransaction(database, async (transaction) => {
      const row = await CardProduct.create(product, { transaction });
      const { id: _, ...after } = product;
      await audit("product-created", ["card-product", row.id], origin, { after }, transaction);
      return row;
    }),
  );
}

/** Changes a product; its slug stays, for clients name it. */
export async function changeProduct(
  database: Database,
  productId: string,
  change: Partial<Omit<ProductTerms, "slug">>,
  origin: Origin,
): Promise<CardProduct> {
  return inTransaction(database, async (transaction) => {
    const row = await CardProduct.findByPk(productId, { transaction, rejectOnEmpty: true });
    const before = picked(row.get(), change);
    await row.update(change, { transaction });
    const said = { before, after: change };
    await audit("product-changed", ["card-product", row.id], origin, said, transaction);
    return row;
  });
}

/** Lets somebody sell a product, or no more. Twice is harmless. */
export async function setSeller(
  database: Database,
  { productId, accountId, sells }: { productId: string; accountId: string; sells: boolean },
  origin: Origin,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const account = await Account.findByPk(accountId, { attributes: ["id"], transaction });
    if (!account) throw refusal("accounts/user-not-found", "There is no such user.");
    const where = { productId, accountId };
    const before = (await CardSeller.count({ where, transaction })) > 0;
    if (before === sells) return;
    await (sells
      ? CardSeller.create(where, { transaction })
      : CardSeller.destroy({ where, transaction }));
    const said = { before: { [accountId]: before }, after: { [accountId]: sells } };
    await audit("seller-set", ["card-product", productId], origin, said, transaction);
  });
}

/** Who sells a product, those who have longest first. */
export function sellersOf(productId: string): Promise<CardSeller[]> {
  return CardSeller.findAll({
    where: { productId },
    order: [
      ["createdAt", "ASC"],
      ["accountId", "ASC"],
    ],
  });
}

/** What is said of a policy. */
export interface PolicyTerms {
  name: string;
  termSeconds: number | null;
  startBasis: StartBasis;
  startsAt: Date | null;
  maxMachines: number;
  machinePartsRequired: number | null;
  uses: number | null;
  suspendedClock: SuspendedClock;
  noticeSeconds: number | null;
  entitlements: string[];
}

/** Makes a policy. Refuses `cards/policy-name-taken`. */
export async function createPolicy(
  database: Database,
  policy: Partial<PolicyTerms> &
    Pick<PolicyTerms, "name" | "termSeconds"> & { id: string; productId: string | null },
  origin: Origin,
): Promise<CardPolicy> {
  return taking(
    "cards/policy-name-taken",
    "There is a policy with this name: choose another.",
    () =>
      inTransaction(database, async (transaction) => {
        const row = await CardPolicy.create(policy, { transaction });
        const { id: _, ...after } = policy;
        await audit("policy-created", ["card-policy", row.id], origin, { after }, transaction);
        return row;
      }),
  );
}

/** Changes a policy: for cards that are not activated yet, and for what is asked of the others from now on. */
export async function changePolicy(
  database: Database,
  policyId: string,
  change: Partial<PolicyTerms>,
  origin: Origin,
): Promise<CardPolicy> {
  return taking(
    "cards/policy-name-taken",
    "There is a policy with this name: choose another.",
    () =>
      inTransaction(database, async (transaction) => {
        const row = await CardPolicy.findByPk(policyId, {
          lock: transaction.LOCK.UPDATE,
          transaction,
          rejectOnEmpty: true,
        });
        const before = picked(row.get(), change);
        await row.update(change, { transaction });
        const said = { before, after: change };
        await audit("policy-changed", ["card-policy", row.id], origin, said, transaction);
        return row;
      }),
  );
}

/** The slugs of products and the names of policies, by their ids. */
export interface Names {
  products: ReadonlyMap<string, string>;
  policies: ReadonlyMap<string, string>;
}

/** What the products and policies of these rows are called. */
export async function namesOf(
  rows: readonly Partial<Pick<CardBatch, "productId" | "policyId">>[],
): Promise<Names> {
  const ids = (name: "productId" | "policyId") => [
    ...new Set(rows.map((row) => row[name] ?? null).filter((id) => id !== null)),
  ];
  const [productIds, policyIds] = [ids("productId"), ids("policyId")];
  const products =
    productIds.length > 0 ? await CardProduct.findAll({ where: { id: productIds } }) : [];
  const policies =
    policyIds.length > 0 ? await CardPolicy.findAll({ where: { id: policyIds } }) : [];
  return {
    products: new Map(products.map(({ id, slug }) => [id, slug])),
    policies: new Map(policies.map(({ id, name }) => [id, name])),
  };
}

function picked(row: object, change: object): object {
  return Object.fromEntries(Object.keys(change).map((name) => [name, row[name as keyof object]]));
}

async function taking<T>(code: RefusalCode, message: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isTaken(error) ? refusal(code, message) : error;
  }
}

function audit(
  what: string,
  [subjectKind, subjectId]: [kind: string, id: string],
  { actor, address, requestId }: Origin,
  said: Pick<Audit, "before" | "after">,
  transaction: Transaction,
): Promise<void> {
  const from = { actor, ...(address && { address }), ...(requestId && { requestId }) };
  return recordAudit(
    { ...from, action: `cards.${what}`, subjectKind, subjectId, ...said },
    transaction,
  );
}
