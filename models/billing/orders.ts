import { Op, type Transaction } from "sequelize";
import type { Usage } from "../../domain/billing.ts";
import type { Fen } from "../../domain/money.ts";
import type { Origin } from "../accounts/audit.ts";
import { type Database, inTransaction } from "../database.ts";
import { auditMoney } from "./audit.ts";
import {
  abandonHold,
  beginHold,
  captureFor,
  type Captured,
  type CaptureOrder,
  findHold,
  type HoldOrder,
  refundCapture,
  releaseHold,
  sameHold,
} from "./holds.ts";
import { inLedger, lockBalance } from "./posting.ts";
import { quote } from "./prices.ts";
import type { Row } from "../statements.ts";
import { Hold, HOLDS } from "./tables.ts";

/** Money for a usage: by the version of the prices that an estimate named, if one did, else at today's. */
export type UsageOrder = Omit<HoldOrder, "amountFen" | "priceVersion"> & {
  usage: Usage;
  priceVersion?: number | undefined;
};

/** Keeps money for a usage, as an administrator orders. */
export async function orderHold(
  database: Database,
  order: UsageOrder,
  origin: Origin,
): Promise<Row<Hold>> {
  return inLedger(database, async (transaction) => {
    await lockBalance(order.accountId, transaction);
    const { hold, isNew } = await holdUsage(order, transaction);
    if (!isNew) return hold;
    const after = { account: order.accountId, amount_fen: hold.amountFen, usage: order.usage };
    await auditMoney(origin, "billing.held", aboutHold(hold.id, after), transaction);
    return hold;
  });
}

/** Keeps money for a usage, as a workflow orders. */
export async function holdForWork(database: Database, order: UsageOrder): Promise<Row<Hold>> {
  const { hold } = await inLedger(database, (transaction) => holdUsage(order, transaction));
  return hold;
}

/** Asked again, a hold is quoted at the prices of the first time. */
async function holdUsage(
  { usage, priceVersion, ...order }: UsageOrder,
  transaction: Transaction,
): Promise<{ hold: Row<Hold>; isNew: boolean }> {
  const before = await HOLDS.findOne({ id: order.holdId }, transaction);
  const price = await quote(usage, before?.priceVersion ?? priceVersion, transaction);
  const priced = { ...order, ...price };
  return before
    ? { hold: sameHold(before, priced), isNew: false }
    : { hold: await beginHold(priced, transaction), isNew: true };
}

/** Charges for what was used of a hold, at the prices of the hold, as a workflow orders. */
export async function captureForWork(database: Database, order: UsageCapture): Promise<Captured> {
  return inLedger(database, (transaction) => captureUsage(order, transaction));
}

type UsageCapture = Omit<CaptureOrder, "amountFen"> & { usage: Usage };

async function captureUsage(
  { usage, ...order }: UsageCapture,
  transaction: Transaction,
): Promise<Captured> {
  const { accountId, priceVersion } = await findHold(order.holdId, transaction);
  const { amountFen } = await quote(usage, priceVersion, transaction);
  return captureFor(accountId, { ...order, amountFen }, transaction);
}

/** Charges for what was used of a hold, at the prices of the hold, as an administrator orders; the rest becomes free. */
export async function orderCapture(
  database: Database,
  { holdId, operationId, usage }: { holdId: string; operationId: string; usage: Usage },
  origin: Origin,
): Promise<Captured> {
  return changeHold(database, holdId, async (transaction) => {
    const order = { operationId, holdId, usage, isFinal: true };
    const captured = await captureUsage(order, transaction);
    const after = { operation: operationId, usage, ...captured };
    return { done: captured, audit: [origin, "billing.captured", aboutHold(holdId, after)] };
  });
}

/** Gives back what a hold still keeps, as an administrator orders. */
export async function orderRelease(
  database: Database,
  holdId: string,
  origin: Origin,
): Promise<Row<Hold>> {
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
): Promise<Row<Hold>> {
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
  change: (transaction: Transaction, hold: Row<Hold>) => Promise<{ done: T; audit: Entry }>,
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
