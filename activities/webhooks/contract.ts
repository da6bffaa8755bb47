import type { DeliveryMove, DeliveryRound } from "../../models/webhooks/index.ts";

/** A delivery as its workflow is told of it; the message and the secret stay in their rows. */
export interface DeliveryOrder extends DeliveryRound {
  /** The name of the event: what operators read in lists. */
  event: string;
}

/** One try: the `number`th of its round, from 1. */
export interface TryOrder extends DeliveryRound {
  number: number;
}

/** How a try ended. */
export interface TryResult {
  /** `gone`: the address wants no more. `held`: its webhook is paused. `over`: there is nothing to be sent any more. */
  outcome: "delivered" | "refused" | "gone" | "held" | "over";
  reason?: string;
  /** The pause that the receiver asked for. */
  retryAfterSeconds?: number;
}

/** Where a delivery stands now, and whether its webhook has to be switched off. */
export interface DeliveryRecord extends DeliveryRound {
  state: DeliveryMove["state"];
  reason?: string;
  /** Epoch milliseconds. */
  nextAttemptAt?: number;
  switchOff?: boolean;
}
