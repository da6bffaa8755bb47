import { checkBalances, type Checked, noteDifferences } from "../../models/billing/index.ts";
import { inTransaction } from "../../models/database.ts";
import { createFundsActivities } from "./funds.ts";
import { createPaymentActivities } from "./payments.ts";
import type { BillingTools } from "./tools.ts";

export type { FundsOrder } from "./funds.ts";

/** So many stretches of balances are compared before the workflow hears of it. */
const STRETCHES = 20;

/** Everything here may run twice. Each comment says why that does no harm. */
export function createBillingActivities(tools: BillingTools) {
  const { database } = tools;
  return {
    ...createFundsActivities(tools),
    ...createPaymentActivities(tools),

    /** Twice: it only looks. */
    async compareBalances({ after }: { after: string }): Promise<Checked> {
      const whole: Checked = { after, accounts: 0, operations: 0, differences: [] };
      for (let n = 0; n < STRETCHES && whole.after !== null; n++) {
        const checked = await checkBalances(database, { after: whole.after });
        whole.after = checked.after;
        whole.accounts += checked.accounts;
        whole.operations += checked.operations;
        whole.differences.push(...checked.differences);
      }
      return whole;
    },

    /** Twice: the audit tells of the same differences twice, and nothing else happens. */
    async tellDifferences({ differences }: Pick<Checked, "differences">): Promise<void> {
      await inTransaction(database, (transaction) => noteDifferences(differences, transaction));
    },
  };
}

export type BillingActivities = ReturnType<typeof createBillingActivities>;
