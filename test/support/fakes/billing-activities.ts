import type { BillingActivities } from "../../../activities/billing/index.ts";

type Reconciling = Pick<BillingActivities, "compareBalances" | "tellDifferences">;
type Told = Parameters<BillingActivities["tellDifferences"]>[0]["differences"];

/** A ledger in which each look finds so many differences: the last number is found from then on. */
export function fakeBilling(found: number[]): { activities: Reconciling; told: Told[] } {
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
