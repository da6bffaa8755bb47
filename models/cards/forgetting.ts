import { Op } from "sequelize";
import { type Database, inTransaction } from "../database.ts";
import { CardBulk, CardBulkResult } from "./bulk-tables.ts";
import { MOST_AT_ONCE } from "./expiry.ts";
import { CardImport, CardImportFault } from "./import-tables.ts";

/**
 * Removes what became of each card of one bulk that ended before, at most so many as fit; the bulk itself stays, with its
 * counts. Answers how many there were; null when no bulk has any. One that has failed keeps its results: it may go on,
 * and is undone by them.
 */
export async function forgetBulkResults(
  database: Database,
  endedBefore: Date,
): Promise<number | null> {
  return inTransaction(database, async (transaction) => {
    const where = { hasResults: true, completedAt: { [Op.lte]: endedBefore } };
    const bulk = await CardBulk.findOne({
      where: { ...where, state: ["completed", "undone"] },
      order: [["completedAt", "ASC"]],
      lock: transaction.LOCK.UPDATE,
      transaction,
    });
    if (!bulk) return null;
    const bulkId = bulk.id;
    const limit = MOST_AT_ONCE;
    const results = await CardBulkResult.findAll({ where: { bulkId }, limit, transaction });
    const cardId = results.map((result) => result.cardId);
    await CardBulkResult.destroy({ where: { bulkId, cardId }, transaction });
    if (results.length < limit) await bulk.update({ hasResults: false }, { transaction });
    return results.length;
  });
}

/** Removes in the same way the lines of one import that became no cards. One that has failed keeps them. */
export async function forgetImportFaults(
  database: Database,
  endedBefore: Date,
): Promise<number | null> {
  return inTransaction(database, async (transaction) => {
    const where = { hasResults: true, completedAt: { [Op.lte]: endedBefore } };
    const row = await CardImport.findOne({
      where: { ...where, state: "completed" },
      order: [["completedAt", "ASC"]],
      lock: transaction.LOCK.UPDATE,
      transaction,
    });
    if (!row) return null;
    const importId = row.id;
    const limit = MOST_AT_ONCE;
    const faults = await CardImportFault.findAll({ where: { importId }, limit, transaction });
    const line = faults.map((fault) => fault.line);
    await CardImportFault.destroy({ where: { importId, line }, transaction });
    if (faults.length < limit) await row.update({ hasResults: false }, { transaction });
    return faults.length;
  });
}
