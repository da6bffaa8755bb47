import { activityInfo } from "@temporalio/activity";
import type { BillingActivities } from "../../../activities/billing/index.ts";
import { refusal } from "../../../domain/errors.ts";

type Looking = Pick<BillingActivities, "compareBalances" | "tellDifferences">;
type Told = Parameters<BillingActivities["tellDifferences"]>[0]["differences"];

/** A ledger in which each look finds so many differences: the last number is found from then on. */
export function fakeBilling(found: number[]): { activities: Looking; told: Told[] } {
  const told: Told[] = [];
  const left = [...found];
  const difference = {
    accountId: "00000000-0000-7000-8000-000000000009",
    what: "free" as const,
    isFen: 1,
    shouldBeFen: 2,
  };
  return {
    told,
    activities: {
      // In two stretches: the first has nothing.
      compareBalances: async ({ after }) => {
        if (after === "") return { after: "m", accounts: 3, operations: 5, differences: [] };
        const count = left.length > 1 ? left.shift()! : left[0]!;
        const differences = Array.from({ length: count }, () => difference);
        return { after: null, accounts: 1, operations: 1, differences };
      },
      tellDifferences: async ({ differences }) => void told.push(differences),
    },
  };
}

/** A hold, and what happened to it. Its time is the server's, however fast that goes. */
export interface FakeFunds {
  activities: Omit<BillingActivities, keyof Looking | "lookForPayment">;
  hold: Awaited<ReturnType<BillingActivities["endOverdueHold"]>>;
  happened: string[];
}

/** One hold in memory; it is open from the beginning, and ends when `hold.expiresAt` says. */
export function fakeFunds(): FakeFunds {
  const hold: FakeFunds["hold"] = { state: "open", expiresAt: Number.POSITIVE_INFINITY };
  const happened: string[] = [];
  const now = () => activityInfo().currentAttemptScheduledTimestampMs;
  const end = (state: (typeof hold)["state"]) => {
    if (hold.state === "open") hold.state = state;
    happened.push(hold.state);
    return { ...hold };
  };
  return {
    hold,
    happened,
    activities: {
      holdFunds: async ({ leaseSeconds }) => {
        happened.push("held");
        hold.expiresAt = now() + leaseSeconds * 1000;
        return { ...hold };
      },
      extendFunds: async ({ leaseSeconds }) => {
        if (hold.expiresAt < now()) throw refusal("billing/hold-ended", "This hold has ended.");
        happened.push("extended");
        hold.expiresAt = now() + leaseSeconds * 1000;
        return { ...hold };
      },
      captureFunds: async ({ usage }) => {
        end("captured");
        return { chargedFen: usage.frames ?? 0, missingFen: 0 };
      },
      releaseFunds: async () => end("released"),
      endOverdueHold: async () => (hold.expiresAt > now() ? { ...hold } : end("abandoned")),
    },
  };
}
