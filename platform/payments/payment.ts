import type { Fen } from "../../domain/money.ts";

/** What somebody is to pay. */
export interface PaymentOrder {
  /** A UUID, by which the provider knows it too. */
  id: string;
  amountFen: Fen;
  /** What the payer reads. */
  subject: string;
  /** From then on it can no longer be paid. */
  expiresAt: Date;
}

/** Where a payment stands at its provider: `unknown` when nobody has begun to pay. */
export type PaymentState = "unknown" | "waiting" | "paid" | "closed";

/** What the provider says of a payment, proven to be its own words. */
export interface PaymentReport {
  /** Of the order. */
  id: string;
  state: PaymentState;
  amountFen: Fen;
  /** What the provider knows the payment by. */
  reference: string;
  /** True when the report tells of money that was given back, and not of the payment. */
  isRefund: boolean;
}

/** A provider that people pay by. */
export interface PaymentProvider {
  /** Where the payer goes to pay. */
  addressOf(order: PaymentOrder): string;
  /** Reads what somebody sent to the notification's address. Throws `PaymentFailure` when it is not the provider's. */
  readNotification(fields: Readonly<Record<string, string>>): PaymentReport;
  /** Asks for a payment; undefined when the provider knows of none. Throws `PaymentFailure`. */
  find(orderId: string, signal: AbortSignal): Promise<PaymentReport | undefined>;
  close(): Promise<void>;
}

/** The provider did not say what we need to know, or somebody else spoke in its place. */
export class PaymentFailure extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = "PaymentFailure";
  }
}
