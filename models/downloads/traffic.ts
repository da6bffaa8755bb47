import type { Transaction } from "sequelize";
import { chargeFor, type PriceTerms } from "../../domain/billing.ts";
import type { Fen } from "../../domain/money.ts";
import {
  type Captured,
  captureHold,
  findHold,
  findPrice,
  holdFunds,
  inLedger,
  lockBalance,
  openHoldsOf,
  releaseHold,
  settleShortfallsOf,
} from "../billing/index.ts";
import type { Database } from "../database.ts";
import { DownloadTraffic } from "./tables.ts";

/** A transfer of a download's file, or of a part of it, to its owner. */
export interface TransferHold {
  /** Its own, by which nothing else is held. */
  holdId: string;
  accountId: string;
  downloadId: string;
  /** What the order was charged by; null where nothing was charged for then: then today's, from the first transfer on. */
  priceVersion: number | null;
  /** What is to be sent. */
  bytes: number;
  expiresAt: Date;
}

/**
 * Keeps what a transfer may cost, once what is owed for the same download has been taken. Refuses what the balance does
 * not cover. Answers whether anything is kept: what goes out may cost nothing.
 */
export async function holdForTransfer(database: Database, order: TransferHold): Promise<boolean> {
  const { holdId, accountId, downloadId, bytes, expiresAt } = order;
  const task = { accountId, taskId: downloadId };
  return inLedger(database, async (transaction) => {
    await lockBalance(accountId, transaction);
    const before = await DownloadTraffic.findByPk(downloadId, { transaction });
    const price = await findPrice(before?.priceVersion ?? order.priceVersion, transaction);
    const { version: priceVersion, terms } = price;
    if (terms.microYuanPerGbOut === 0) return false;
    const nothing = { downloadId, priceVersion, bytesOut: 0, chargedFen: 0 };
    const traffic = before ?? (await DownloadTraffic.create(nothing, { transaction }));
    await settleShortfallsOf(task, transaction);
    const isAlone = (await openHoldsOf(task, transaction)).length === 0;
    const amountFen = mostFor(bytes, traffic, terms, isAlone);
    const about = { ...task, priceVersion, description: "The file of a download" };
    await holdFunds({ holdId, amountFen, expiresAt, ...about }, transaction);
    return true;
  });
}

/** Beside others nobody knows who of them comes to pay the minimum, or where they all round up: each may. */
function mostFor(
  bytes: number,
  { bytesOut, chargedFen }: Pick<DownloadTraffic, "bytesOut" | "chargedFen">,
  terms: PriceTerms,
  isAlone: boolean,
): Fen {
  if (isAlone) return chargeFor({ bytesOut: bytesOut + bytes }, terms) - chargedFen;
  return chargeFor({ bytesOut: bytes }, chargedFen > 0 ? { ...terms, minimumBytesOut: 0 } : terms);
}

/**
 * Charges for what a transfer has sent, by as much as it makes all that has gone out of the download cost more; the rest
 * of its hold is free again. What nobody can pay is kept as a shortfall. Charged before, it stays as it is.
 */
export async function chargeTransfer(
  database: Database,
  order: Pick<TransferHold, "holdId" | "accountId" | "downloadId" | "bytes">,
): Promise<Captured> {
  const { holdId, accountId, downloadId, bytes } = order;
  return inLedger(database, async (transaction) => {
    await lockBalance(accountId, transaction);
    const { state } = await findHold(holdId, transaction);
    // An administrator who has released it gives the bytes away.
    const isOver = state === "captured" || state === "released";
    if (isOver || bytes === 0) {
      await releaseHold(holdId, transaction);
      return { chargedFen: 0, missingFen: 0 };
    }
    const amountFen = await addTraffic(downloadId, bytes, transaction);
    const operationId = `transfer/${holdId}`;
    return captureHold({ operationId, holdId, amountFen, isFinal: true }, transaction);
  });
}

/** Adds what has gone out; answers what that costs. Whoever adds to a download has locked its owner's balance. */
async function addTraffic(
  downloadId: string,
  bytes: number,
  transaction: Transaction,
): Promise<Fen> {
  const before = await DownloadTraffic.findByPk(downloadId, { transaction, rejectOnEmpty: true });
  const { terms } = await findPrice(before.priceVersion, transaction);
  const bytesOut = before.bytesOut + bytes;
  const chargedFen = chargeFor({ bytesOut }, terms);
  const where = { downloadId, bytesOut: before.bytesOut };
  const [added] = await DownloadTraffic.update({ bytesOut, chargedFen }, { where, transaction });
  if (added !== 1) throw new Error(`the traffic of ${downloadId} was counted without its lock`);
  return chargedFen - before.chargedFen;
}
