import { Op } from "sequelize";
import { LedgerBalance, LedgerEntry } from "./tables.ts";

/** The entries that clients are told of, newest first, and how many there are. */
export interface Told {
  entries: LedgerEntry[];
  total: number;
}

/** What the clients' contract leaves out, and how many it shows. */
interface Stretch {
  skip: number;
  limit: number;
}

/** A person's transactions. */
export function listTransactions(accountId: string, stretch: Stretch): Promise<Told> {
  return list(accountId, stretch, "transactions", "transactionNumber");
}

/** What a person was charged. */
export function listBills(accountId: string, stretch: Stretch): Promise<Told> {
  return list(accountId, stretch, "bills", "billNumber");
}

/** They are counted as they come, so that a page in the middle costs what the first one costs. */
async function list(
  accountId: string,
  { skip, limit }: Stretch,
  counter: "transactions" | "bills",
  number: "transactionNumber" | "billNumber",
): Promise<Told> {
  const balance = await LedgerBalance.findByPk(accountId, { attributes: [counter] });
  const total = balance?.[counter] ?? 0;
  const newest = total - skip;
  const entries = await LedgerEntry.findAll({
    where: { accountId, [number]: { [Op.gt]: Math.max(newest - limit, 0), [Op.lte]: newest } },
    order: [[number, "DESC"]],
  });
  return { entries, total };
}
