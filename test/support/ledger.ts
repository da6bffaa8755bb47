import { Op } from "sequelize";
import type { Book } from "../../domain/billing.ts";
import type { Fen } from "../../domain/money.ts";
import {
  adjustBalance,
  captureHold,
  type CaptureOrder,
  Hold,
  holdFunds,
  type HoldOrder,
  inLedger,
  LedgerBalance,
  LedgerEntry,
} from "../../models/billing/index.ts";
import type { Database } from "../../models/database.ts";
import type { Row } from "../../models/statements.ts";
import { newId } from "../../platform/crypto.ts";
import { ORIGIN } from "./webhooks.ts";

const HOUR_MS = 3_600_000;

/** A new account that has so much. */
export async function makePurse(database: Database, amountFen: Fen): Promise<string> {
  const accountId = newId();
  if (amountFen > 0) await adjust(database, accountId, amountFen);
  return accountId;
}

/** Gives an account so much. */
export function adjust(database: Database, accountId: string, amountFen: Fen): Promise<Fen> {
  const adjustment = { operationId: newId(), accountId, amountFen, reason: "to begin with" };
  return adjustBalance(database, adjustment, ORIGIN);
}

/** Keeps so much for an hour. */
export async function hold(
  database: Database,
  accountId: string,
  amountFen: Fen,
  given: Partial<HoldOrder> = {},
): Promise<Row<Hold>> {
  const expiresAt = new Date(Date.now() + HOUR_MS);
  const order = { holdId: newId(), accountId, amountFen, expiresAt, ...given };
  return inLedger(database, (transaction) => holdFunds(order, transaction));
}

/** Charges so much, and nothing more. */
export function capture(
  database: Database,
  { id: holdId }: Pick<Hold, "id">,
  amountFen: Fen,
  given: Partial<CaptureOrder> = {},
) {
  const order = { operationId: newId(), holdId, amountFen, isFinal: true, ...given };
  return inLedger(database, (transaction) => captureHold(order, transaction));
}

/** What an account has: as cached, as its entries add up, and as its open holds keep. */
export async function accountsOf(accountId: string) {
  const balance = await LedgerBalance.findByPk(accountId);
  const entries = await LedgerEntry.findAll({ where: { accountId } });
  const sumOf = (book: Book) =>
    entries.filter((one) => one.book === book).reduce((sum, { amountFen }) => sum + amountFen, 0);
  const open = { accountId, state: "open", remainingFen: { [Op.gt]: 0 } };
  const holds = await Hold.findAll({ where: open });
  return {
    cached: { free: balance?.freeFen ?? 0, held: balance?.heldFen ?? 0 },
    summed: { free: sumOf("free"), held: sumOf("held") },
    kept: holds.reduce((sum, { remainingFen }) => sum + remainingFen, 0),
    revenue: sumOf("revenue"),
    all: entries.reduce((sum, { amountFen }) => sum + amountFen, 0),
  };
}

/** The sum of all lines there are. */
export async function sumOfAll(): Promise<Fen> {
  return LedgerEntry.sum("amountFen");
}
