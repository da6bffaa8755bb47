import { z } from "zod";
import {
  BOOKS,
  ENTRY_KINDS,
  HOLD_STATES,
  type PriceTerms,
  RECHARGE_METHODS,
  RECHARGE_STATES,
  SHORTFALL_STATES,
  TRANSACTION_TYPES,
  transactionType,
} from "../../domain/billing.ts";
import { LIMITS } from "../../domain/limits.ts";
import { type Fen, parseYuan, printYuan } from "../../domain/money.ts";
import type { Hold, LedgerEntry, Price, Recharge, Shortfall } from "../../models/billing/index.ts";
import type { Row } from "../../models/statements.ts";
import { PageQuery } from "./accounts.ts";
import { wholeNumber } from "../validation.ts";

const Moment = z.iso.datetime({ offset: true });
const Yuan = z.string().regex(/^-?\d+\.\d{2}$/);
const Reason = z.string().trim().min(1).max(500);
const wire = (moment: Date | null | undefined) => moment?.toISOString() ?? null;

/** Yuan as text or number, to be fen; below zero where `signed`. */
const amount = (least: Fen) =>
  z.union([z.string(), z.number()]).transform((given, context): Fen => {
    const fen = parseYuan(`${given}`.trim());
    if (fen !== undefined && fen >= least && fen !== 0 && Math.abs(fen) <= LIMITS.amountFen) {
      return fen;
    }
    const isTooFine = /^-?\d+\.\d{3,}$/.test(`${given}`);
    const range = least > 0 ? "must be an amount above 0" : "must be an amount other than 0";
    context.addIssue(isTooFine ? "金额最多保留2位小数" : `${range}, at most 99999999.99`);
    return z.NEVER;
  });
const Amount = amount(1);
const SignedAmount = amount(-LIMITS.amountFen);

/** The contract's lists are asked for by how many to leave out. */
export const StretchQuery = z.strictObject({
  skip: wholeNumber(0).prefault(0),
  limit: wholeNumber(1, LIMITS.listItems).prefault(20),
});

export const BalanceOut = z.strictObject({ balance: Yuan });

export const RechargeBody = z.strictObject({
  amount: Amount,
  description: z.string().trim().max(500).optional(),
  /** Alipay where it is configured, when not given. */
  method: z.enum(["manual", "alipay"]).optional(),
});

/** Where it is paid and until when, if a provider takes the money. */
const payment = { pay_url: z.url().optional(), expires_at: Moment.optional() };

export const RechargeAcceptedOut = z.strictObject({
  recharge_id: z.uuid(),
  status: z.literal("pending"),
  ...payment,
});

export const OwnRechargeOut = z.strictObject({
  id: z.uuid(),
  method: z.enum(RECHARGE_METHODS),
  status: z.enum(RECHARGE_STATES),
  amount: Yuan,
  description: z.string(),
  /** Why it was rejected. */
  reason: z.string().nullable(),
  created_at: Moment,
  decided_at: Moment.nullable(),
  ...payment,
});

/** What Alipay sends: all of its fields are signed, and more of them may come one day. */
export const AlipayNotification = z.record(z.string().max(64), z.string().max(4096));

const stretchOf = { total: z.int(), skip: z.int(), limit: z.int() };

export const TransactionsOut = z.strictObject({
  transactions: z.array(
    z.strictObject({
      id: z.uuid(),
      user_id: z.uuid(),
      type: z.enum(TRANSACTION_TYPES),
      /** Below zero when it was taken. */
      amount: Yuan,
      balance_after: Yuan,
      description: z.string().nullable(),
      created_at: Moment,
    }),
  ),
  ...stretchOf,
});

export const BillsOut = z.strictObject({
  bills: z.array(
    z.strictObject({
      id: z.uuid(),
      user_id: z.uuid(),
      task_id: z.string().nullable(),
      amount: Yuan,
      description: z.string().nullable(),
      created_at: Moment,
    }),
  ),
  ...stretchOf,
});

const Used = z.int().min(0);

/** What is charged for; what is left out was not used at all. */
const UsageBody = z.strictObject({
  frames: Used.optional(),
  bytes_in: Used.optional(),
  bytes_out: Used.optional(),
});
const asked = wholeNumber(0).optional();
export const UsageQuery = z.strictObject({ frames: asked, bytes_in: asked, bytes_out: asked });

/** What would be charged, and by which version of the prices. */
export const EstimateOut = z.strictObject({ amount: Yuan, price_version: z.int() });

export const RechargesQuery = PageQuery.extend({ status: z.enum(RECHARGE_STATES).optional() });
export const ShortfallsQuery = PageQuery.extend({ status: z.enum(SHORTFALL_STATES).optional() });
export const HoldsQuery = PageQuery.extend({ status: z.enum(HOLD_STATES).optional() });
export const LedgerQuery = PageQuery.extend({ user_id: z.string().max(64).optional() });

export const ThingId = z.strictObject({ id: z.string().max(64) });
export const Rejection = z.strictObject({ reason: Reason });

/** What a person decides about parked work. */
export const Resolution = z.strictObject({ action: z.enum(["retry", "abort"]), reason: Reason });

export const RechargeOut = z.strictObject({
  id: z.uuid(),
  user_id: z.uuid(),
  method: z.enum(RECHARGE_METHODS),
  status: z.enum(RECHARGE_STATES),
  amount: Yuan,
  description: z.string(),
  /** What the provider knows the payment by. */
  provider_reference: z.string().nullable(),
  decided_by: z.string().nullable(),
  reason: z.string().nullable(),
  created_at: Moment,
  decided_at: Moment.nullable(),
});
const listOf = <S extends z.ZodType>(item: S) =>
  z.strictObject({ items: z.array(item), next: z.string().nullable() });
export const RechargesOut = listOf(RechargeOut);

export const Adjustment = z.strictObject({
  /** Below zero to take. */
  amount: SignedAmount,
  reason: Reason,
  /** The same again changes nothing; made up when not given. */
  operation_id: z.string().min(1).max(64).optional(),
});

export const ShortfallOut = z.strictObject({
  id: z.uuid(),
  user_id: z.uuid(),
  hold_id: z.uuid(),
  amount: Yuan,
  status: z.enum(SHORTFALL_STATES),
  created_at: Moment,
  settled_at: Moment.nullable(),
});
export const ShortfallsOut = listOf(ShortfallOut);

const Rate = z.int().min(0).max(1_000_000_000_000);
/** A million micro-yuan are a yuan; a GB has 1000 MB. */
export const PriceBody = z.strictObject({
  micro_yuan_per_frame: Rate,
  micro_yuan_per_gb_in: Rate,
  micro_yuan_per_gb_out: Rate,
  /** At least so much is charged of what was used. */
  minimum_frames: Used.default(0),
  minimum_bytes_in: Used.default(0),
  minimum_bytes_out: Used.default(0),
});
export const PriceOut = PriceBody.extend({
  version: z.int(),
  set_by: z.string(),
  created_at: Moment,
});
export const PricesOut = listOf(PriceOut);

export const EntryOut = z.strictObject({
  id: z.uuid(),
  operation_id: z.string(),
  user_id: z.uuid(),
  kind: z.enum(ENTRY_KINDS),
  book: z.enum(BOOKS),
  amount: Yuan,
  balance_after: Yuan,
  hold_id: z.uuid().nullable(),
  task_id: z.string().nullable(),
  description: z.string().nullable(),
  created_at: Moment,
});
export const LedgerOut = listOf(EntryOut);

export const HoldOut = z.strictObject({
  id: z.uuid(),
  user_id: z.uuid(),
  status: z.enum(HOLD_STATES),
  amount: Yuan,
  /** What is still kept, what was charged, and what of that was given back. */
  remaining: Yuan,
  captured: Yuan,
  refunded: Yuan,
  price_version: z.int().nullable(),
  task_id: z.string().nullable(),
  description: z.string().nullable(),
  created_at: Moment,
  expires_at: Moment,
  ended_at: Moment.nullable(),
});
export const HoldsOut = listOf(HoldOut);

/** Names an order for good: the same again changes nothing; made up when not given. */
const OperationId = z.string().min(1).max(64).optional();

export const HoldBody = z.strictObject({
  /** The hold's own id, by which the same again is the same hold. */
  id: z.uuid().optional(),
  user_id: z.uuid(),
  usage: UsageBody,
  /** Of an estimate: its prices hold for this, too. Today's when not given. */
  price_version: z.int().min(1).max(2_147_483_647).optional(),
  /** For how long it is kept. */
  seconds: z.int().min(1).max(LIMITS.holdSeconds).default(3600),
  task_id: z.string().min(1).max(64).optional(),
  description: z.string().trim().min(1).max(500).optional(),
});
export const CaptureBody = z.strictObject({ usage: UsageBody, operation_id: OperationId });
export const CapturedOut = z.strictObject({
  hold: HoldOut,
  charged: Yuan,
  /** What neither the hold nor the balance had: a shortfall. */
  missing: Yuan,
});
export const RefundBody = z.strictObject({
  amount: Amount,
  reason: Reason,
  operation_id: OperationId,
});

export function presentTransaction(entry: LedgerEntry) {
  return {
    id: entry.id,
    user_id: entry.accountId,
    type: transactionType(entry.kind)!,
    // The line is the platform's, which loses what the person gains.
    amount: printYuan(-entry.amountFen),
    balance_after: printYuan(entry.balanceAfterFen),
    description: entry.description,
    created_at: entry.createdAt.toISOString(),
  };
}

export function presentBill(entry: LedgerEntry) {
  return {
    id: entry.id,
    user_id: entry.accountId,
    task_id: entry.taskId,
    amount: printYuan(entry.amountFen),
    description: entry.description,
    created_at: entry.createdAt.toISOString(),
  };
}

export function presentEntry(entry: LedgerEntry): z.input<typeof EntryOut> {
  return {
    ...presentBill(entry),
    operation_id: entry.operationId,
    kind: entry.kind,
    book: entry.book,
    balance_after: printYuan(entry.balanceAfterFen),
    hold_id: entry.holdId,
  };
}

export function presentRecharge(recharge: Row<Recharge>): z.input<typeof RechargeOut> {
  return {
    id: recharge.id,
    user_id: recharge.accountId,
    method: recharge.method,
    status: recharge.state,
    amount: printYuan(recharge.amountFen),
    description: recharge.description,
    provider_reference: recharge.providerReference ?? null,
    decided_by: recharge.decidedBy ?? null,
    reason: recharge.reason ?? null,
    created_at: recharge.createdAt.toISOString(),
    decided_at: wire(recharge.decidedAt),
  };
}

/** The same for whose it is, with where it is paid if it can be. */
export function presentOwnRecharge(
  recharge: Row<Recharge>,
  payment: { pay_url: string; expires_at: string } | undefined,
): z.input<typeof OwnRechargeOut> {
  const { id, method, status, amount, description, reason, created_at, decided_at } =
    presentRecharge(recharge);
  const told = { id, method, status, amount, description, reason, created_at, decided_at };
  return { ...told, ...payment };
}

export function presentShortfall(shortfall: Row<Shortfall>): z.input<typeof ShortfallOut> {
  return {
    id: shortfall.id,
    user_id: shortfall.accountId,
    hold_id: shortfall.holdId,
    amount: printYuan(shortfall.amountFen),
    status: shortfall.state,
    created_at: shortfall.createdAt.toISOString(),
    settled_at: wire(shortfall.settledAt),
  };
}

export function presentHold(hold: Row<Hold>): z.input<typeof HoldOut> {
  return {
    id: hold.id,
    user_id: hold.accountId,
    status: hold.state,
    amount: printYuan(hold.amountFen),
    remaining: printYuan(hold.remainingFen),
    captured: printYuan(hold.capturedFen),
    refunded: printYuan(hold.refundedFen),
    price_version: hold.priceVersion,
    task_id: hold.taskId,
    description: hold.description,
    created_at: hold.createdAt.toISOString(),
    expires_at: hold.expiresAt.toISOString(),
    ended_at: wire(hold.endedAt),
  };
}

export function presentPrice({
  version,
  terms,
  setBy,
  createdAt,
}: Row<Price>): z.input<typeof PriceOut> {
  return {
    version,
    micro_yuan_per_frame: terms.microYuanPerFrame,
    micro_yuan_per_gb_in: terms.microYuanPerGbIn,
    micro_yuan_per_gb_out: terms.microYuanPerGbOut,
    minimum_frames: terms.minimumFrames,
    minimum_bytes_in: terms.minimumBytesIn,
    minimum_bytes_out: terms.minimumBytesOut,
    set_by: setBy,
    created_at: createdAt.toISOString(),
  };
}

/** The terms that somebody set. */
export function termsOf(body: z.output<typeof PriceBody>): PriceTerms {
  return {
    microYuanPerFrame: body.micro_yuan_per_frame,
    microYuanPerGbIn: body.micro_yuan_per_gb_in,
    microYuanPerGbOut: body.micro_yuan_per_gb_out,
    minimumFrames: body.minimum_frames,
    minimumBytesIn: body.minimum_bytes_in,
    minimumBytesOut: body.minimum_bytes_out,
  };
}

/** The usage that somebody named. */
export function usageOf({ frames, bytes_in, bytes_out }: z.output<typeof UsageBody>) {
  return {
    ...(frames !== undefined && { frames }),
    ...(bytes_in !== undefined && { bytesIn: bytes_in }),
    ...(bytes_out !== undefined && { bytesOut: bytes_out }),
  };
}
