import { Op, type Transaction } from "sequelize";
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
import { inLedger, lockBalance } from "./posting.ts";
import { quote, type Quote } from "./prices.ts";
import { Hold } from "./tables.ts";

/** Money for a usage: by the version of the prices that an estimate named, if one did, else at today's. */
export type UsageOrder = Omit<HoldOrder, "amountFen" | "priceVersion"> & {
  usage: Usage;
  priceVersion?: number | undefined;
};

/** Keeps money for a usage, as an administrator orders. */
export async function orderHold(
  database: Database,
  { usage, priceVersion, ...order }: UsageOrder,
  origin: Origin,
): Promise<Hold> {
  const price = await quoteOnce(order.holdId, usage, priceVersion);
  return inLedger(database, async (transaction) => {
    await lockBalance(order.accountId, transaction);
    const isOld = (await Hold.count({ where: { id: order.holdId }, transaction })) > 0;
    const hold = await holdFunds({ ...order, ...price }, transaction);
    if (isOld) return hold;
    const after = { account: order.accountId, amount_fen: price.amountFen, usage };
    await auditMoney(origin, "billing.held", aboutHold(hold.id, after), transaction);
    return hold;
  });
}

/** Asked again, a hold is quoted at the prices of the first time. */
async function quoteOnce(holdId: string, usage: Usage, priceVersion?: number): Promise<Quote> {
  const before = await Hold.findByPk(holdId, { attributes: ["priceVersion"] });
  return quote(usage, before?.priceVersion ?? priceVersion);
}

/** Keeps money for a usage, as a workflow orders. */
export async function holdForWork(
  database: Database,
  { usage, priceVersion, ...order }: UsageOrder,
): Promise<Hold> {
  const price = await quoteOnce(order.holdId, usage, priceVersion);
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
  const order = { operationId, holdId, amountFen, isFinal: true };
  return changeHold(database, holdId, async (transaction) => {
    const captured = await captureHold(order, transaction);
    const after = { operation: operationId, usage, ...captured };
    return { done: captured, audit: [origin, "billing.captured", aboutHold(holdId, after)] };
  });
}

/** Gives back what a hold still keeps, as an administrator orders. */
export async function orderRelease(
  database: Database,
  holdId: string,
  origin: Origin,
): Promise<Hold> {
  return changeHold(database, holdId, async (transaction, { remainingFen }) => {
    const hold = await releaseHold(holdId, transaction);
    const after = { amount_fen: remainingFen };
    return { done: hold, audit: [origin, "billing.released", aboutHold(holdId, after)] };
  });
}

/** Gives charged money back, as an administrator orders. */
export async function orderRefund(
  database: Database,
  refund: { operationId: string; holdId: string; amountFen: Fen; description: string },
  origin: Origin,
): Promise<Hold> {
  const { holdId, ...after } = refund;
  return changeHold(database, holdId, async (transaction) => {
    const hold = await refundCapture(refund, transaction);
    return { done: hold, audit: [origin, "billing.refunded", aboutHold(holdId, after)] };
  });
}

type Entry = [origin: Origin, action: string, about: ReturnType<typeof aboutHold>];

/** Does something to a hold that nobody else touches meanwhile; what changed nothing of it is no news for the audit. */
async function changeHold<T>(
  database: Database,
  holdId: string,
  change: (transaction: Transaction, hold: Hold) => Promise<{ done: T; audit: Entry }>,
): Promise<T> {
  const { accountId } = await findHold(holdId);
  return inLedger(database, async (transaction) => {
    await lockBalance(accountId, transaction);
    const before = await findHold(holdId, transaction);
    const { done, audit } = await change(transaction, before);
    const after = await findHold(holdId, transaction);
    const isNews = CHANGING.some((column) => before[column] !== after[column]);
    if (isNews) await auditMoney(...audit, transaction);
    return done;
  });
}

const CHANGING = ["state", "remainingFen", "capturedFen", "refundedFen"] as const;

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
