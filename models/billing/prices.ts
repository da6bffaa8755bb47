import type { Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import { chargeFor, type PriceTerms, type Usage } from "../../domain/billing.ts";
import { refusal } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { type Fen, printYuan } from "../../domain/money.ts";
import type { Origin } from "../accounts/audit.ts";
import type { Database } from "../database.ts";
import { auditMoney } from "./audit.ts";
import { inLedger } from "./posting.ts";
import type { Row } from "../statements.ts";
import { Price, PRICES } from "./tables.ts";

/** What a usage costs, and by which version of the price book. */
export interface Quote {
  amountFen: Fen;
  priceVersion: number;
}

/**
 * What a usage costs by a version of the price book; by the newest when none is named. Refuses what costs more than can
 * be paid in at once: no number would hold it exactly.
 */
export async function quote(
  usage: Usage,
  version?: number | null,
  transaction?: Transaction,
): Promise<Quote> {
  const price = await findPrice(version, transaction);
  const amountFen = chargeFor(usage, price.terms);
  if (amountFen > LIMITS.amountFen) {
    const most = printYuan(LIMITS.amountFen);
    throw refusal("billing/usage-too-large", `This costs more than ${most}. Name less at once.`);
  }
  return { amountFen, priceVersion: price.version };
}

/** Adds a version to the price book: what is held from now on is charged by it. */
export async function setPrices(
  database: Database,
  terms: PriceTerms,
  origin: Origin,
): Promise<Row<Price>> {
  return inLedger(database, async (transaction) => {
    // Two who set prices at once do so one after the other: nobody ever changes the first version.
    await PRICES.findOne({ version: 1 }, transaction, { lock: true });
    const newest = await lookUpPrice(null, transaction);
    const version = (newest?.version ?? 0) + 1;
    const setBy = origin.actor?.name ?? "longhaul";
    const [price] = await PRICES.add([{ id: newId(), version, terms, setBy }], transaction);
    const change = { before: newest?.terms, after: terms };
    const about = { subjectKind: "prices", subjectId: `${version}`, ...change };
    await auditMoney(origin, "billing.prices-set", about, transaction);
    return price!;
  });
}

/** A version of the prices; the newest when none is named. Refuses when there is none. */
export async function findPrice(
  version: number | null | undefined,
  transaction?: Transaction,
): Promise<Row<Price>> {
  const price = await lookUpPrice(version, transaction);
  if (!price) throw refusal("billing/price-not-found", "There is no such version of the prices.");
  return price;
}

async function lookUpPrice(
  version: number | null | undefined,
  transaction?: Transaction,
): Promise<Row<Price> | null | undefined> {
  const where = version ? { version } : {};
  return transaction
    ? PRICES.findOne(where, transaction, { last: "version" })
    : Price.findOne({ where, order: [["version", "DESC"]] });
}
