import type { HoldState, Usage } from "../../domain/billing.ts";
import {
  abandonHold,
  captureForWork,
  type Captured,
  extendHold,
  holdForWork,
  inLedger,
  releaseHold,
} from "../../models/billing/index.ts";
import type { BillingTools } from "./tools.ts";

/** Money that a workflow needs for its work. */
export interface FundsOrder {
  /** Made by the workflow, once: the same again is the same hold. */
  holdId: string;
  accountId: string;
  /** What the work will use, as far as anybody can say. */
  usage: Usage;
  /** Of the estimate that was shown before; today's prices when there was none. */
  priceVersion?: number;
  /** How long the money stays held without a word of the workflow. */
  leaseSeconds: number;
  taskId?: string | null;
  description?: string | null;
}

/** A charge for work; with `part`, a name for good, for one of several. */
export interface ChargeOrder {
  holdId: string;
  usage: Usage;
  isFinal: boolean;
  part?: string;
}

/** Where a hold stands, and until when it is kept, in epoch milliseconds. */
export interface Held {
  state: HoldState;
  expiresAt: number;
}

/** Everything here may run twice. Each comment says why that does no harm. */
export function createFundsActivities({ database }: Pick<BillingTools, "database">) {
  return {
    /** Twice: the hold that is there is found by its id, at the prices of the first time. */
    async holdFunds({ leaseSeconds, ...order }: FundsOrder): Promise<Held> {
      return heldOf(await holdForWork(database, { ...order, expiresAt: inSeconds(leaseSeconds) }));
    },

    /** Twice: the end moves on a little further. */
    async extendFunds({
      holdId,
      leaseSeconds,
    }: Pick<FundsOrder, "holdId" | "leaseSeconds">): Promise<Held> {
      const order = { holdId, expiresAt: inSeconds(leaseSeconds) };
      return heldOf(await inLedger(database, (transaction) => extendHold(order, transaction)));
    },

    /** Twice: the charge is known by the hold's id and its part, and answered as the first time. */
    async captureFunds({ holdId, part, ...order }: ChargeOrder): Promise<Captured> {
      const operationId = ["work", holdId, ...(part ? [part] : [])].join("/");
      return captureForWork(database, { ...order, holdId, operationId });
    },

    /** Twice: a hold that has ended stays as it is. */
    async releaseFunds({ holdId }: Pick<FundsOrder, "holdId">): Promise<Held> {
      return heldOf(await inLedger(database, (transaction) => releaseHold(holdId, transaction)));
    },

    /** Twice: a hold that has ended stays as it is. */
    async endOverdueHold({ holdId }: Pick<FundsOrder, "holdId">): Promise<Held> {
      return heldOf(await inLedger(database, (transaction) => abandonHold(holdId, transaction)));
    },
  };
}

function heldOf({ state, expiresAt }: { state: HoldState; expiresAt: Date }): Held {
  return { state, expiresAt: expiresAt.getTime() };
}

function inSeconds(seconds: number): Date {
  return new Date(Date.now() + seconds * 1000);
}
