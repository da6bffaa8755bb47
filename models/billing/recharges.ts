import { type CreationAttributes, Op, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import type { EntryKind, RechargeMethod } from "../../domain/billing.ts";
import { refusal } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Fen } from "../../domain/money.ts";
import type { Origin } from "../accounts/audit.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { enqueue } from "../operations.ts";
import { auditMoney } from "./audit.ts";
import { tellAdjustment, tellRecharge } from "./notices.ts";
import { findOperation, inLedger, insufficientBalance, operationTaken, post } from "./posting.ts";
import type { Row } from "../statements.ts";
import { BALANCES, LedgerBalance, Recharge, RECHARGES } from "./tables.ts";

/** What may be spent now. */
export async function freeBalance(accountId: string): Promise<Fen> {
  const balance = await LedgerBalance.findByPk(accountId, { attributes: ["freeFen"] });
  return balance?.freeFen ?? 0;
}

/** What somebody wants to pay in. */
export interface RechargeOrder {
  id: string;
  accountId: string;
  amountFen: Fen;
  description: string;
}

/** Notes that somebody wants to pay in; the money counts when it has come. The same id again is the same recharge. */
export async function requestRecharge(
  database: Database,
  order: RechargeOrder & { method: Exclude<RechargeMethod, "direct"> },
  origin: Origin,
): Promise<Row<Recharge>> {
  return inTransaction(database, async (transaction) => {
    const before = await findSame(order, transaction);
    if (before) return before;
    const recharge = await addRecharge({ ...order, state: "pending" }, transaction);
    if (order.method === "alipay") await watchPayment(recharge, origin, transaction);
    await audit("billing.recharge-requested", recharge, origin, transaction);
    return recharge;
  });
}

async function addRecharge(
  recharge: CreationAttributes<Recharge>,
  transaction: Transaction,
): Promise<Row<Recharge>> {
  const [added] = await RECHARGES.add([recharge], transaction);
  return added!;
}

/** The recharge of this id, if there is one; refuses when it is for another amount. */
async function findSame(
  { id, amountFen }: RechargeOrder,
  transaction: Transaction,
): Promise<Row<Recharge> | undefined> {
  const before = await RECHARGES.findOne({ id }, transaction);
  if (before && before.amountFen !== amountFen) throw operationTaken();
  return before;
}

/** Orders the workflow that asks the provider for a payment of which no notification comes. */
async function watchPayment(
  { id: rechargeId }: Pick<Recharge, "id">,
  { actor, requestId }: Origin,
  transaction: Transaction,
): Promise<void> {
  const headers = {
    ...(actor && { accountId: actor.accountId, actorName: actor.name }),
    ...(requestId && { requestId }),
  };
  await enqueue(
    {
      id: newId(),
      workflow: "rechargePayment",
      workflowId: workflowId("recharge", rechargeId),
      input: { rechargeId },
      command: null,
      summary: "Wait for the payment of a recharge",
      kind: "recharge",
      subject: rechargeId,
      headers,
    },
    transaction,
  );
}

/** Until when a recharge can be paid at a provider. */
export function paymentEnd({ createdAt }: Pick<Recharge, "createdAt">): Date {
  return secondsAfter(createdAt, LIMITS.paymentSeconds);
}

/**
 * A provider has taken the money: it counts, once, whatever was said before and however often it is said. Refuses what
 * was to be another amount.
 */
export async function settleRecharge(
  database: Database,
  paid: { id: string; amountFen: Fen; reference: string },
  origin: Origin,
): Promise<Row<Recharge>> {
  return inLedger(database, async (transaction) => {
    const { id, amountFen, reference: providerReference } = paid;
    const [moved] = await Recharge.update(
      { state: "paid", providerReference, decidedAt: new Date() },
      { where: { id, amountFen, method: "alipay", state: { [Op.ne]: "paid" } }, transaction },
    );
    const recharge = await findRecharge(id, transaction);
    if (recharge.method !== "alipay" || recharge.amountFen !== amountFen) {
      throw refusal("billing/payment-differs", "This recharge is for another amount.");
    }
    if (moved !== 1) return recharge;
    await credit(recharge, transaction);
    await tellRecharge(recharge, "paid", transaction);
    await audit("billing.recharge-paid", recharge, origin, transaction);
    return recharge;
  });
}

/** The time to pay is over, and the provider has no money. What was decided meanwhile stays. */
export async function expireRecharge(
  database: Database,
  rechargeId: string,
): Promise<Row<Recharge>> {
  return inTransaction(database, async (transaction) => {
    const expired = { state: "expired", decidedAt: new Date() } as const;
    const moved = await RECHARGES.set({ id: rechargeId, state: "pending" }, expired, transaction);
    const recharge = await findRecharge(rechargeId, transaction);
    if (moved === 1) await audit("billing.recharge-expired", recharge, NOBODY, transaction);
    return recharge;
  });
}

/** A recharge as it is; of this account alone when one is named. Refuses when there is none. */
export async function findRecharge(
  id: string,
  transaction: Transaction | null = null,
  owner: { accountId?: string } = {},
): Promise<Row<Recharge>> {
  const where = { id, ...owner };
  const recharge = transaction
    ? await RECHARGES.findOne(where, transaction)
    : await Recharge.findOne({ where });
  if (!recharge) throw refusal("billing/recharge-not-found", "There is no such recharge.");
  return recharge;
}

/** The platform itself. */
const NOBODY: Origin = { actor: null };

/** Pays in at once, for platforms that ask nobody (RECHARGE_DIRECT). */
export async function rechargeDirectly(
  database: Database,
  order: RechargeOrder,
  origin: Origin,
): Promise<Row<Recharge>> {
  return inLedger(database, async (transaction) => {
    const before = await findSame(order, transaction);
    if (before) return before;
    const paid = { method: "direct", state: "paid", decidedAt: new Date() } as const;
    const recharge = await addRecharge({ ...order, ...paid }, transaction);
    await credit(recharge, transaction);
    await audit("billing.recharged", recharge, origin, transaction);
    return recharge;
  });
}

/** An administrator has seen the money: it counts. Refuses when it was decided before. */
export async function confirmRecharge(
  database: Database,
  rechargeId: string,
  origin: Origin,
): Promise<Row<Recharge>> {
  return inLedger(database, async (transaction) => {
    const decided = { state: "paid", decidedBy: origin.actor?.name ?? null } as const;
    const recharge = await decide(rechargeId, decided, transaction);
    await credit(recharge, transaction);
    await tellRecharge(recharge, "paid", transaction);
    await audit("billing.recharge-confirmed", recharge, origin, transaction);
    return recharge;
  });
}

/** An administrator has not seen the money, and says why. Refuses when it was decided before. */
export async function rejectRecharge(
  database: Database,
  rechargeId: string,
  reason: string,
  origin: Origin,
): Promise<Row<Recharge>> {
  return inTransaction(database, async (transaction) => {
    const decided = { state: "rejected", reason, decidedBy: origin.actor?.name ?? null } as const;
    const recharge = await decide(rechargeId, decided, transaction);
    await tellRecharge(recharge, "rejected", transaction);
    await audit("billing.recharge-rejected", recharge, origin, transaction);
    return recharge;
  });
}

/** Gives a new account its welcome credit, within the transaction that makes the account. Nothing is no entry. */
export async function grantWelcome(
  { accountId, amountFen }: { accountId: string; amountFen: Fen },
  transaction: Transaction,
): Promise<void> {
  const operationId = `welcome_credit:${accountId}`;
  const gains = { grants: -amountFen, free: amountFen };
  const grant = { operationId, accountId, kind: "grant", gains } as const;
  if (await isDone(grant, transaction)) return;
  await post({ ...grant, description: "Welcome credit" }, transaction);
}

/** What an administrator gives (or, below zero, takes), and why. */
export interface Adjustment {
  operationId: string;
  accountId: string;
  amountFen: Fen;
  reason: string;
}

/** Corrects a balance, never below nothing. The same operation again changes nothing. Answers what is free then. */
export async function adjustBalance(
  database: Database,
  { operationId, accountId, amountFen, reason }: Adjustment,
  origin: Origin,
): Promise<Fen> {
  return inLedger(database, async (transaction) => {
    const gains = { adjustments: -amountFen, free: amountFen };
    const adjustment = { operationId, accountId, kind: "adjustment", gains } as const;
    if (!(await isDone(adjustment, transaction))) {
      const posted = await post({ ...adjustment, description: reason }, transaction);
      if (!posted) throw insufficientBalance();
      await tellAdjustment({ accountId, amountFen, reason }, transaction);
      const after = { amount_fen: amountFen, reason, operation: operationId };
      const about = { subjectKind: "account", subjectId: accountId, after };
      await auditMoney(origin, "billing.balance-adjusted", about, transaction);
    }
    const balance = await BALANCES.findOne({ accountId }, transaction);
    return balance?.freeFen ?? 0;
  });
}

/** Moves a recharge out of a state that allows it. */
async function decide(
  rechargeId: string,
  decided: Partial<Pick<Recharge, "state" | "reason" | "decidedBy">>,
  transaction: Transaction,
): Promise<Row<Recharge>> {
  const change = { ...decided, decidedAt: new Date() };
  const moved = await RECHARGES.set({ id: rechargeId, state: "pending" }, change, transaction);
  const recharge = await findRecharge(rechargeId, transaction);
  if (moved !== 1) {
    throw refusal("billing/recharge-decided", `This recharge is ${recharge.state} already.`);
  }
  return recharge;
}

async function credit(
  { id, accountId, amountFen, description }: Row<Recharge>,
  transaction: Transaction,
): Promise<void> {
  const gains = { payments: -amountFen, free: amountFen };
  const posting = { operationId: `recharge/${id}`, accountId, kind: "recharge", gains } as const;
  await post({ ...posting, description }, transaction);
}

/** True when the very same was done before. Refuses when something else was. */
async function isDone(
  posting: { operationId: string; accountId: string; kind: EntryKind; gains: { free: Fen } },
  transaction: Transaction,
): Promise<boolean> {
  const lines = await findOperation(posting.operationId, transaction);
  if (lines.length === 0) return false;
  const { accountId, kind, gains } = posting;
  const isSame = lines.some(
    (line) =>
      line.book === "free" &&
      line.accountId === accountId &&
      line.kind === kind &&
      line.amountFen === gains.free,
  );
  if (!isSame) throw operationTaken();
  return true;
}

function audit(
  action: string,
  { id, accountId, amountFen, method, state, reason }: Row<Recharge>,
  origin: Origin,
  transaction: Transaction,
): Promise<void> {
  const after = { account: accountId, amount_fen: amountFen, method, state, reason };
  const about = { subjectKind: "recharge", subjectId: id, after };
  return auditMoney(origin, action, about, transaction);
}
