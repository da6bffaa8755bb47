import type { Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import { type HoldState, splitCharge } from "../../domain/billing.ts";
import { refusal } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import type { Fen } from "../../domain/money.ts";
import type { Origin } from "../accounts/audit.ts";
import type { Database } from "../database.ts";
import { enqueue } from "../operations.ts";
import { auditMoney } from "./audit.ts";
import {
  findOperation,
  inLedger,
  insufficientBalance,
  lockBalance,
  operationTaken,
  post,
  type Posting,
} from "./posting.ts";
import { type Row, tell } from "../statements.ts";
import { Hold, HOLDS, type Shortfall, SHORTFALLS } from "./tables.ts";

/** Money to be kept for some work. */
export interface HoldOrder {
  /** Made by the first to know of the work; the same again is the same hold. */
  holdId: string;
  accountId: string;
  amountFen: Fen;
  expiresAt: Date;
  priceVersion?: number | null;
  taskId?: string | null;
  description?: string | null;
}

/**
 * Keeps money for some work, until it is charged, released, or its time has come, for which a workflow waits. Refuses
 * what the balance lacks.
 */
export async function holdFunds(order: HoldOrder, transaction: Transaction): Promise<Row<Hold>> {
  const before = await HOLDS.findOne({ id: order.holdId }, transaction);
  return before ? sameHold(before, order) : beginHold(order, transaction);
}

/** The same for a hold that was not there a moment ago. */
export async function beginHold(order: HoldOrder, transaction: Transaction): Promise<Row<Hold>> {
  const { holdId, accountId, amountFen, expiresAt } = order;
  const { priceVersion = null, taskId = null, description = null } = order;
  const held = await post(
    {
      operationId: `hold/${holdId}`,
      accountId,
      kind: "hold",
      gains: { free: -amountFen, held: amountFen },
      holdId,
      taskId,
      description,
    },
    transaction,
  );
  if (!held) {
    // Whoever was faster with the same hold may have taken the last of the money for it.
    const since = await HOLDS.findOne({ id: holdId }, transaction);
    if (since) return sameHold(since, order);
    throw insufficientBalance();
  }
  const kept = { amountFen, remainingFen: amountFen, priceVersion, taskId, description, expiresAt };
  const open = { id: holdId, accountId, state: "open", ...kept } as const;
  const [hold] = await HOLDS.add([open], transaction);
  await orderExpiry(open, transaction);
  return hold!;
}

/** An extension tells the workflow nothing: when it wakes it asks the row. */
function orderExpiry(
  { id, expiresAt }: Pick<Hold, "id" | "expiresAt">,
  transaction: Transaction,
): Promise<void> {
  const message = {
    id: newId(),
    workflow: "holdExpiry",
    workflowId: workflowId("hold", id),
    input: { holdId: id },
    command: null,
    startAt: expiresAt,
    summary: "Money held for some work, until its time has come",
    kind: "hold",
    subject: id,
    headers: {},
  };
  return enqueue(message, transaction);
}

/** The hold that was there before. Refuses what is not the same again. */
export function sameHold(hold: Row<Hold>, { accountId, amountFen }: HoldOrder): Row<Hold> {
  if (hold.accountId !== accountId || hold.amountFen !== amountFen) throw operationTaken();
  return hold;
}

/** Moves the end of a hold further away, never nearer. Refuses when it has ended, or its time has come. */
export async function extendHold(
  { holdId, expiresAt }: { holdId: string; expiresAt: Date },
  transaction: Transaction,
  now = new Date(),
): Promise<Row<Hold>> {
  await tell(EXTEND, [expiresAt, now, holdId, now, expiresAt], transaction);
  const hold = await findHold(holdId, transaction);
  if (hold.state !== "open" || hold.expiresAt <= now) throw holdEnded(hold);
  return hold;
}

const EXTEND = `
  UPDATE holds SET expires_at = ?, updated_at = ?
  WHERE id = ? AND state = 'open' AND expires_at > ? AND expires_at < ?`;

/** What a charge took, and what it could not take. */
export interface Captured {
  chargedFen: Fen;
  missingFen: Fen;
}

/** A charge for work that money is, or was, kept for. */
export interface CaptureOrder {
  operationId: string;
  holdId: string;
  amountFen: Fen;
  /** True when nothing more will be charged: the rest of the hold is released. */
  isFinal: boolean;
  description?: string | null;
}

/**
 * Charges for work: out of its hold, what that lacks out of the balance, and what that lacks too is kept as a shortfall.
 * The same operation again changes nothing and answers the same.
 */
export async function captureHold(
  order: CaptureOrder,
  transaction: Transaction,
  now = new Date(),
): Promise<Captured> {
  const { accountId } = await findHold(order.holdId, transaction);
  return captureFor(accountId, order, transaction, now);
}

/** The same for a hold of which it is known whose it is. */
export async function captureFor(
  accountId: string,
  order: CaptureOrder,
  transaction: Transaction,
  now = new Date(),
): Promise<Captured> {
  const { operationId, holdId, amountFen, isFinal } = order;
  const balance = await lockBalance(accountId, transaction);
  const before = await findCapture(order, transaction);
  if (before) return before;
  const hold = await findHold(holdId, transaction);
  if (hold.state === "captured" || hold.state === "released") {
    if (amountFen > 0) throw holdEnded(hold);
    return { chargedFen: 0, missingFen: 0 };
  }

  const { heldFen, freeFen, missingFen } = splitCharge(amountFen, {
    remainingFen: hold.remainingFen,
    freeFen: balance.freeFen,
  });
  const chargedFen = heldFen + freeFen;
  const description = order.description ?? hold.description;
  const about = { accountId, holdId, taskId: hold.taskId, description };
  const gains = { revenue: chargedFen, held: -heldFen, free: -freeFen };
  await postCovered({ operationId, kind: "capture", gains, ...about }, transaction);
  if (missingFen > 0) {
    const shortfall = { id: newId(), accountId, holdId, operationId, amountFen: missingFen };
    await SHORTFALLS.add([{ ...shortfall, state: "open" }], transaction);
  }
  const remainingFen = hold.remainingFen - heldFen;
  const capturedFen = hold.capturedFen + chargedFen;
  const left = { ...hold, remainingFen, capturedFen };
  const isCharged = capturedFen + missingFen > 0;
  if (isFinal && isCharged) await endHold(left, "captured", now, transaction);
  else if (isFinal && hold.state === "open") await endHold(left, "released", now, transaction);
  else await HOLDS.set({ id: holdId }, { remainingFen, capturedFen }, transaction);
  return { chargedFen, missingFen };
}

/** Gives back what a hold still keeps. One that has ended stays as it is. */
export async function releaseHold(
  holdId: string,
  transaction: Transaction,
  now = new Date(),
): Promise<Row<Hold>> {
  const { accountId } = await findHold(holdId, transaction);
  await lockBalance(accountId, transaction);
  const hold = await findHold(holdId, transaction);
  if (hold.state !== "open") return hold;
  return endHold(hold, hold.capturedFen > 0 ? "captured" : "released", now, transaction);
}

/** Gives back what a hold still keeps if its time has come; one that was extended meanwhile, or has ended, stays. */
export async function abandonHold(
  holdId: string,
  transaction: Transaction,
  now = new Date(),
): Promise<Row<Hold>> {
  const { accountId } = await findHold(holdId, transaction);
  await lockBalance(accountId, transaction);
  const hold = await findHold(holdId, transaction);
  if (hold.state !== "open" || hold.expiresAt > now) return hold;
  return endHold(hold, "abandoned", now, transaction);
}

/** Gives charged money back; never more than was charged. The same operation again changes nothing. */
export async function refundCapture(
  order: { operationId: string; holdId: string; amountFen: Fen; description: string },
  transaction: Transaction,
): Promise<Row<Hold>> {
  const { operationId, holdId, amountFen, description } = order;
  const { accountId, taskId } = await findHold(holdId, transaction);
  await lockBalance(accountId, transaction);
  const [first] = await findOperation(operationId, transaction);
  if (first) {
    const isSame = first.kind === "refund" && first.holdId === holdId;
    if (!isSame || first.amountFen !== -amountFen) throw operationTaken();
    return findHold(holdId, transaction);
  }
  const refunded = await tell(REFUND, [amountFen, new Date(), holdId, amountFen], transaction);
  if (refunded !== 1) {
    throw refusal("billing/refund-above-charge", "Give back no more than was charged.");
  }
  const gains = { revenue: -amountFen, free: amountFen };
  const about = { accountId, holdId, taskId, description };
  await postCovered({ operationId, kind: "refund", gains, ...about }, transaction);
  return findHold(holdId, transaction);
}

const REFUND = `
  UPDATE holds SET refunded_fen = refunded_fen + ?, updated_at = ?
  WHERE id = ? AND captured_fen - refunded_fen >= ?`;

/** Takes what a charge could not take. Refuses while the balance does not cover it, and what was settled before. */
export async function settleShortfall(
  shortfallId: string,
  transaction: Transaction,
  now = new Date(),
): Promise<Row<Shortfall>> {
  const shortfall = await SHORTFALLS.findOne({ id: shortfallId }, transaction);
  if (!shortfall) throw refusal("billing/shortfall-not-found", "There is no such shortfall.");
  const { accountId, holdId, amountFen } = shortfall;
  await lockBalance(accountId, transaction);
  const change = { state: "settled", settledAt: now } as const;
  const settled = await SHORTFALLS.set({ id: shortfallId, state: "open" }, change, transaction);
  if (settled !== 1) {
    throw refusal("billing/shortfall-settled", "This shortfall was settled before.");
  }
  const hold = await findHold(holdId, transaction);
  const taken = await post(
    {
      operationId: `shortfall/${shortfallId}`,
      accountId,
      kind: "capture",
      gains: { revenue: amountFen, free: -amountFen },
      holdId,
      taskId: hold.taskId,
      description: hold.description,
    },
    transaction,
  );
  if (!taken) throw refusal("billing/shortfall-not-covered", "余额不足");
  const capturedFen = hold.capturedFen + amountFen;
  await HOLDS.set({ id: holdId }, { capturedFen }, transaction);
  return { ...shortfall, ...change };
}

/** The same, ordered by an administrator. */
export async function reconcileShortfall(
  database: Database,
  shortfallId: string,
  origin: Origin,
): Promise<Row<Shortfall>> {
  return inLedger(database, async (transaction) => {
    const shortfall = await settleShortfall(shortfallId, transaction);
    const { accountId: account, amountFen: amount_fen } = shortfall;
    const after = { account, amount_fen };
    const about = { subjectKind: "shortfall", subjectId: shortfallId, after };
    await auditMoney(origin, "billing.shortfall-settled", about, transaction);
    return shortfall;
  });
}

/** Takes all that charges for a task could not take. Refuses while the balance does not cover it. */
export async function settleShortfallsOf(
  { accountId, taskId }: { accountId: string; taskId: string },
  transaction: Transaction,
): Promise<void> {
  for (const { id, holdId } of await SHORTFALLS.find({ accountId, state: "open" }, transaction)) {
    const hold = await findHold(holdId, transaction);
    if (hold.taskId === taskId) await settleShortfall(id, transaction);
  }
}

/** What is held for a task now. */
export function openHoldsOf(
  { accountId, taskId }: { accountId: string; taskId: string },
  transaction: Transaction,
): Promise<Row<Hold>[]> {
  return HOLDS.find({ accountId, taskId, state: "open" }, transaction);
}

/** The hold as it is. Refuses when there is none. */
export async function findHold(holdId: string, transaction?: Transaction): Promise<Row<Hold>> {
  const hold = transaction
    ? await HOLDS.findOne({ id: holdId }, transaction)
    : await Hold.findByPk(holdId);
  if (!hold) throw refusal("billing/hold-not-found", "There is no such hold.");
  return hold;
}

/** Ends a hold whose balance is locked, as it is to be kept; what is left in it becomes free. */
async function endHold(
  hold: Row<Hold>,
  state: Exclude<HoldState, "open">,
  now: Date,
  transaction: Transaction,
): Promise<Row<Hold>> {
  const { id: holdId, accountId, taskId, description, remainingFen, capturedFen } = hold;
  const gains = { free: remainingFen, held: -remainingFen };
  const operationId = `release/${holdId}`;
  const about = { accountId, holdId, taskId, description };
  await postCovered({ operationId, kind: "release", gains, ...about }, transaction);
  const change = { state, remainingFen: 0, capturedFen, endedAt: hold.endedAt ?? now };
  await HOLDS.set({ id: holdId }, change, transaction);
  return { ...hold, ...change };
}

/** What was charged before under this id: its entry, its shortfall, or both. */
async function findCapture(
  { operationId, holdId, amountFen }: CaptureOrder,
  transaction: Transaction,
): Promise<Captured | undefined> {
  const [entry] = await findOperation(operationId, transaction);
  const shortfall = await SHORTFALLS.findOne({ operationId }, transaction);
  if (!entry && !shortfall) return undefined;
  const chargedFen = entry?.amountFen ?? 0;
  const missingFen = shortfall?.amountFen ?? 0;
  const isCapture = !entry || entry.kind === "capture";
  const isSame = isCapture && (entry ?? shortfall)?.holdId === holdId;
  if (!isSame || chargedFen + missingFen !== amountFen) throw operationTaken();
  return { chargedFen, missingFen };
}

/** Moves what is known to be there, because the balance is locked. */
async function postCovered(posting: Posting, transaction: Transaction): Promise<void> {
  if (await post(posting, transaction)) return;
  throw new Error(`the ledger lacks what ${posting.operationId} moves: see its reconciliation`);
}

function holdEnded({ state }: Pick<Hold, "state">): Error {
  const how = state === "open" ? "its time has come" : `it was ${state}`;
  return refusal("billing/hold-ended", `This hold has ended: ${how}. Make another one.`);
}
