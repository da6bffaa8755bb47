import { literal, Op, type Transaction } from "sequelize";
import { LIMITS } from "../../domain/limits.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { publishNotice } from "../feeds/index.ts";
import { CardCount, CardNews, CardProduct, CardSeller } from "./tables.ts";

/** What sellers hear of: what becomes of their cards without them. */
const KINDS = ["active", "suspended", "expired", "banned"] as const;
type Kind = (typeof KINDS)[number];
type Standing = Record<Kind, number>;

const WORDS: Readonly<Record<Kind, { zh: string; en: string }>> = {
  active: { zh: "使用中", en: "in use" },
  suspended: { zh: "已暂停", en: "suspended" },
  expired: { zh: "已到期", en: "over" },
  banned: { zh: "已封禁", en: "banned" },
};

/**
 * Tells the sellers of each product how its cards stand, if that has changed since they were told, and not more often than
 * once in a while: from the counts, so that no card waits for it. Whoever comes first tells it, once.
 */
export async function tellSellers(database: Database, now = new Date()): Promise<void> {
  const sold = await CardSeller.findAll({ attributes: ["productId"], group: ["productId"] });
  const productIds = sold.map(({ productId }) => productId);
  const [standing, news] = [await standingOf(productIds), await newsOf(productIds)];
  for (const productId of productIds) {
    const stands = standing.get(productId) ?? NONE;
    const before = news.get(productId);
    if (!before) await begin(database, productId, stands, now);
    else if (KINDS.some((kind) => stands[kind] !== before[kind])) {
      await inTransaction(database, (transaction) => tell(before, stands, now, transaction));
    }
  }
}

const NONE: Standing = { active: 0, suspended: 0, expired: 0, banned: 0 };

async function standingOf(productIds: readonly string[]): Promise<Map<string, Standing>> {
  const sums = KINDS.map(
    (kind) => [literal(`SUM(${kind})`), kind] as [ReturnType<typeof literal>, Kind],
  );
  const rows = await CardCount.findAll({
    attributes: ["productId", ...sums],
    where: { productId: [...productIds] },
    group: ["productId"],
    raw: true,
  });
  const standing = (row: CardCount) => KINDS.map((kind) => [kind, Number(row[kind])]);
  return new Map(rows.map((row) => [row.productId, Object.fromEntries(standing(row)) as Standing]));
}

async function newsOf(productIds: readonly string[]): Promise<Map<string, CardNews>> {
  const rows = await CardNews.findAll({ where: { productId: [...productIds] } });
  return new Map(rows.map((row) => [row.productId, row]));
}

/** From here on changes are told. */
async function begin(
  database: Database,
  productId: string,
  stands: Standing,
  toldAt: Date,
): Promise<void> {
  try {
    await inTransaction(database, (transaction) =>
      CardNews.create({ productId, ...stands, toldAt }, { transaction }),
    );
  } catch (error) {
    // Somebody was faster.
    if (!isTaken(error)) throw error;
  }
}

async function tell(
  before: CardNews,
  stands: Standing,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const { productId, version } = before;
  const toldAt = { [Op.lte]: secondsAfter(now, -LIMITS.cardNewsSeconds) };
  const [isOurs] = await CardNews.update(
    { ...stands, toldAt: now, version: literal("version + 1") },
    { where: { productId, version, toldAt }, transaction },
  );
  if (isOurs !== 1) return;
  const product = await CardProduct.findByPk(productId, { transaction });
  const sellers = await CardSeller.findAll({
    where: { productId },
    order: [["accountId", "ASC"]],
    transaction,
  });
  const said = sentenceOf(product?.name ?? productId, before, stands);
  const title = { zh: "卡密动态", en: "Your cards" };
  for (const { accountId } of sellers) {
    await publishNotice({ accountId, type: "info", title, message: said }, transaction);
  }
}

function sentenceOf(product: string, before: Standing, now: Standing) {
  const changed = KINDS.filter((kind) => now[kind] !== before[kind]);
  const by = (kind: Kind) => {
    const change = now[kind] - before[kind];
    return `${now[kind]} (${change > 0 ? "+" : ""}${change})`;
  };
  const zh = changed.map((kind) => `${WORDS[kind].zh} ${by(kind)}`).join("，");
  const en = changed.map((kind) => `${WORDS[kind].en} ${by(kind)}`).join(", ");
  return { zh: `${product}：${zh}`, en: `${product}: ${en}` };
}
