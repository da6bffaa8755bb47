import { type FindOptions, Op, type Transaction } from "sequelize";
import { type Database, inTransaction } from "../database.ts";
import { CardBulk, CardBulkResult } from "./bulk-tables.ts";
import { MOST_AT_ONCE } from "./expiry.ts";
import { CardImport, CardImportFault } from "./import-tables.ts";

/**
 * Removes what became of each card of one bulk that ended before, at most so many as fit; the bulk itself stays, with its
 * counts. Answers how many there were; null when no bulk has any. One that has failed keeps its results: it may go on,
 * and is undone by them.
 */
export function forgetBulkResults(database: Database, endedBefore: Date): Promise<number | null> {
  return forgetSome(database, endedBefore, {
    find: (over, oldest) =>
      CardBulk.findOne({ where: { ...over, state: ["completed", "undone"] }, ...oldest }),
    forget: async ({ id: bulkId }, some) => {
      const results = await CardBulkResult.findAll({ where: { bulkId }, ...some });
      const cardId = results.map((result) => result.cardId);
      const { transaction } = some;
      return CardBulkResult.destroy({ where: { bulkId, cardId }, transaction });
    },
  });
}

/** Removes in the same way the lines of one import that became no cards. One that has failed keeps them. */
export function forgetImportFaults(database: Database, endedBefore: Date): Promise<number | null> {
  return forgetSome(database, endedBefore, {
    find: (over, oldest) =>
      CardImport.findOne({ where: { ...over, state: "completed" }, ...oldest }),
    forget: async ({ id: importId }, some) => {
      const faults = await CardImportFault.findAll({ where: { importId }, ...some });
      const line = faults.map((fault) => fault.line);
      const { transaction } = some;
      return CardImportFault.destroy({ where: { importId, line }, transaction });
    },
  });
}

/** How the oldest of some orders is found, and how some of what it has kept of cards is removed: so many there were. */
interface Forgetting<Order> {
  find: (over: object, oldest: FindOptions) => Promise<Order | null>;
  forget: (order: Order, some: { limit: number; transaction: Transaction }) => Promise<number>;
}

interface Keeping {
  update(change: { hasResults: false }, within: { transaction: Transaction }): Promise<unknown>;
}

async function forgetSome<Order extends Keeping>(
  database: Database,
  endedBefore: Date,
  { find, forget }: Forgetting<Order>,
): Promise<number | null> {
  return inTransaction(database, async (transaction) => {
    const over = { hasResults: true, completedAt: { [Op.lte]: endedBefore } };
    const lock = transaction.LOCK.UPDATE;
    const order = await find(over, { order: [["completedAt", "ASC"]], lock, transaction });
    if (!order) return null;
    const forgotten = await forget(order, { limit: MOST_AT_ONCE, transaction });
    if (forgotten < MOST_AT_ONCE) await order.update({ hasResults: false }, { transaction });
    return forgotten;
  });
}
