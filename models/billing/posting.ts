import type { Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import type { Book, EntryKind } from "../../domain/billing.ts";
import { refusal } from "../../domain/errors.ts";
import type { Fen } from "../../domain/money.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { type Row, tell } from "../statements.ts";
import { tellLowBalance } from "./notices.ts";
import { BALANCES, ENTRIES, type LedgerBalance, type LedgerEntry } from "./tables.ts";

/** One operation: what each book gains by it, which together is nothing. */
export interface Posting {
  operationId: string;
  accountId: string;
  kind: EntryKind;
  gains: Partial<Record<Book, Fen>>;
  holdId?: string | null;
  taskId?: string | null;
  description?: string | null;
}

/**
 * Runs `body` in a transaction, and once more when somebody else was first with the same operation: it then finds what
 * they did, and answers that.
 */
export async function inLedger<T>(
  database: Database,
  body: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  try {
    return await inTransaction(database, body);
  } catch (error) {
    if (!isTaken(error)) throw error;
    return inTransaction(database, body);
  }
}

/** What an operation has moved: its lines, the platform's first; none when there is no such operation. */
export async function findOperation(
  operationId: string,
  transaction: Transaction,
): Promise<Row<LedgerEntry>[]> {
  return ENTRIES.find({ operationId }, transaction, { order: "line" });
}

/** The refusal of an operation whose id stands for something else. */
export function operationTaken(): Error {
  return refusal("billing/operation-taken", "operation_id 已被其他账务事件占用");
}

/** The refusal of what the balance does not cover. */
export function insufficientBalance(): Error {
  return refusal("billing/insufficient-balance", "余额不足");
}

/**
 * Moves money: one conditional update decides whether there is enough, then the entries are written, with what was free
 * after it. Answers false when there is not enough. An id that was used throws a unique key's error (`inLedger`).
 */
export async function post(posting: Posting, transaction: Transaction): Promise<boolean> {
  const { accountId, kind, gains, operationId } = posting;
  const lines = linesOf(gains);
  if (lines.length === 0) return true;
  if (lines.reduce((sum, [, gain]) => sum + gain, 0) !== 0) {
    throw new Error(`what ${operationId} gives and takes is not the same`);
  }
  const isTransaction = lines.some(([book]) => isPlatforms(book));
  const isBill = kind === "capture";
  if (!(await move(accountId, gains, { isTransaction, isBill }, transaction))) return false;
  const balance = (await BALANCES.findOne({ accountId }, transaction))!;
  const createdAt = new Date();
  await ENTRIES.add(
    lines.map(([book, amountFen], line) => ({
      accountId,
      sequence: balance.sequence,
      line,
      id: newId(),
      operationId,
      kind,
      book,
      amountFen,
      balanceAfterFen: balance.freeFen,
      transactionNumber: isPlatforms(book) ? balance.transactions : null,
      billNumber: isPlatforms(book) && isBill ? balance.bills : null,
      holdId: posting.holdId ?? null,
      taskId: posting.taskId ?? null,
      description: posting.description ?? null,
      createdAt,
    })),
    transaction,
  );
  const chargedFen = gains.revenue ?? 0;
  if (chargedFen > 0) await tellLowBalance(balance, chargedFen, transaction);
  return true;
}

/** A person's balance, theirs alone until the transaction ends. */
export async function lockBalance(
  accountId: string,
  transaction: Transaction,
): Promise<Row<LedgerBalance>> {
  const find = () => BALANCES.findOne({ accountId }, transaction, { lock: true });
  const found = await find();
  if (found) return found;
  await beginBalance(accountId, transaction);
  return (await find())!;
}

function isPlatforms(book: Book): boolean {
  return book !== "free" && book !== "held";
}

/** The platform's line stands first: it is the one that clients are told of. */
function linesOf(gains: Posting["gains"]): [Book, Fen][] {
  const lines = (Object.entries(gains) as [Book, Fen][]).filter(([, gain]) => gain !== 0);
  return lines.sort(([one], [other]) => Number(isPlatforms(other)) - Number(isPlatforms(one)));
}

interface Counted {
  isTransaction: boolean;
  isBill: boolean;
}

async function move(
  accountId: string,
  { free = 0, held = 0 }: Posting["gains"],
  { isTransaction, isBill }: Counted,
  transaction: Transaction,
): Promise<boolean> {
  const counts = [isTransaction ? 1 : 0, isBill ? 1 : 0];
  const values = [free, held, ...counts, new Date(), accountId, -free, -held];
  if ((await tell(MOVE, values, transaction)) === 1) return true;
  if (free < 0 || held < 0) return false;
  // Nobody has a row before money came to them.
  await beginBalance(accountId, transaction);
  return (await tell(MOVE, values, transaction)) === 1;
}

const MOVE = `
  UPDATE ledger_balances
  SET free_fen = free_fen + ?, held_fen = held_fen + ?, sequence = sequence + 1,
    transactions = transactions + ?, bills = bills + ?, updated_at = ?
  WHERE account_id = ? AND free_fen >= ? AND held_fen >= ?`;

async function beginBalance(accountId: string, transaction: Transaction): Promise<void> {
  const nothing = { freeFen: 0, heldFen: 0, sequence: 0, transactions: 0, bills: 0 };
  try {
    await BALANCES.add([{ accountId, ...nothing }], transaction);
  } catch (error) {
    // Somebody was faster.
    if (!isTaken(error)) throw error;
  }
}
