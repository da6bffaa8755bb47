import { Op } from "sequelize";
import type { Usage } from "../../domain/billing.ts";
import type { Fen } from "../../domain/money.ts";
import type { Origin } from "../accounts/audit.ts";
import { type Database, inTransaction } from "../database.ts";
import { auditMoney } from "./audit.ts";
import {
  abandonHold,
  type Captured,
  captureHold,
  type CaptureOrder,
  findHold,
  holdFunds,
  type HoldOrder,
  refundCapture,
  releaseHold,
} from "./holds.ts";
import { inLedger } from "./posting.ts";
import { quote } from "./prices.ts";
import { Hold } from "./tables.ts";

/** Keeps money for a usage at today's prices, as an administrator orders. */
export async function orderHold(
  database: Database,
  { usage, ...order }: Omit<HoldOrder, "amountFen" | "priceVersion"> & { usage: Usage },
  origin: Origin,
): Promise<Hold> {
  const price = await quote(usage);
  return inLedger(database, async (transaction) => {
    const hold = await holdFunds({ ...order, ...price }, transaction);
    const after = { account: order.accountId, amount_fen: price.amountFen, usage };
    await auditMoney(origin, "billing.held", aboutHold(hold.id, after), transaction);
    return hold;
  });
}

/** Keeps money for a usage, as a workflow orders: at today's prices, or, when it is asked again, at those of the first time. */
export async function holdForWork(
  database: Database,
  { usage, ...order }: Omit<HoldOrder, "amountFen" | "priceVersion"> & { usage: Usage },
): Promise<Hold> {
  const before = await Hold.findByPk(order.holdId, { attributes: ["priceVersion"] });
  const price = await quote(usage, before?.priceVersion);
  return inLedger(database, (transaction) => holdFunds({ ...order, ...price }, transaction));
}

/** Charges for what was used of a hold, at the prices of the hold, as a workflow orders. */
export async function captureForWork(
  database: Database,
  { usage, ...order }: Omit<CaptureOrder, "amountFen"> & { usage: Usage },
): Promise<Captured> {
  const { priceVersion } = await findHold(order.holdId);
  const { amountFen } = await quote(usage, priceVersion);
  return inLedger(database, (transaction) => captureHold({ ...order, amountFen }, transaction));
}

/** Charges for what was used of a hold, at the prices of the hold, as an administrator orders; the rest becomes free. */
export async function orderCapture(
  database: Database,
  { holdId, operationId, usage }: { holdId: string; operationId: string; usage: Usage },
  origin: Origin,
): Promise<Captured> {
  const { priceVersion } = await findHold(holdId);
  const { amountFen } = await quote(usage, priceVersion);
  return inLedger(database, async (transaction) => {
    const order = { operationId, holdId, amountFen, isFinal: true };
    const captured = await captureHold(order, transaction);
    const after = { operation: operationId, usage, ...captured };
    await auditMoney(origin, "billing.captured", aboutHold(holdId, after), transaction);
    return captured;
  });
}

/** Gives back what a hold still keeps, as an administrator orders. */
export async function orderRelease(
  database: Database,
  holdId: string,
  origin: Origin,
): Promise<Hold> {
  return inLedger(database, async (transaction) => {
    const { remainingFen } = await findHold(holdId, transaction);
    const hold = await releaseHold(holdId, transaction);
    const after = { amount_fen: remainingFen };
    await auditMoney(origin, "billing.released", aboutHold(holdId, after), transaction);
    return hold;
  });
}

/** Gives charged money back, as an administrator orders. */
export async function orderRefund(
  database: Database,
  refund: { operationId: string; holdId: string; amountFen: Fen; description: string },
  origin: Origin,
): Promise<Hold> {
  return inLedger(database, async (transaction) => {
    const hold = await refundCapture(refund, transaction);
    const { holdId, ...after } = refund;
    await auditMoney(origin, "billing.refunded", aboutHold(holdId, after), transaction);
    return hold;
  });
}

const ABANDONED_AT_ONCE = 500;

/** Gives back what holds keep whose time has come; answers how many. Two processes may do so at once. */
export async function endAbandonedHolds(database: Database, now = new Date()): Promise<number> {
  const due = await Hold.findAll({
    attributes: ["id"],
    where: { state: "open", expiresAt: { [Op.lte]: now } },
    order: [["expiresAt", "ASC"]],
    limit: ABANDONED_AT_ONCE,
  });
  for (const { id } of due) {
    await inTransaction(database, (transaction) => abandonHold(id, transaction, now));
  }
  return due.length;
}

function aboutHold(subjectId: string, after: object) {
  return { subjectKind: "hold", subjectId, after };
}
