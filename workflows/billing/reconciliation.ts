import { proxyActivities, setCurrentDetails } from "@temporalio/workflow";
import type { BillingActivities } from "../../activities/billing/index.ts";
import { printYuan } from "../../domain/money.ts";
import { QUEUES } from "../../domain/queues.ts";
import { openParking } from "../helpers/parking.ts";
import { enterStage } from "../helpers/stage.ts";

const { compareBalances } = proxyActivities<BillingActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 minutes",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
  summary: "compare balances with the sums of their entries",
});

const { tellDifferences } = proxyActivities<BillingActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "1 minute",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
  summary: "write down what differs",
});

/** Beyond these a list helps nobody. */
const MOST_SHOWN = 50;

type Checked = Awaited<ReturnType<typeof compareBalances>>;
type Compared = Omit<Checked, "after">;

/**
 * Compares every balance with what its entries add up to, and what is held with what its holds keep. Where something
 * differs it waits for a person: `retry` looks again, `abort` ends it. Answers what it found last.
 */
export async function ledgerReconciliation(): Promise<Compared> {
  const parking = openParking();
  for (;;) {
    enterStage("comparing");
    const found = await compareAll();
    if (found.differences.length === 0) {
      enterStage("balanced");
      return found;
    }
    enterStage("parked", "billing/differences");
    const decision = await parking.wait(() => tellDifferences({ differences: found.differences }));
    if (decision?.action === "abort") {
      enterStage("given-up");
      return found;
    }
  }
}

async function compareAll(): Promise<Compared> {
  const all: Compared = { accounts: 0, operations: 0, differences: [] };
  for (let after: string | null = ""; after !== null;) {
    const checked: Checked = await compareBalances({ after });
    after = checked.after;
    all.accounts += checked.accounts;
    all.operations += checked.operations;
    all.differences = [...all.differences, ...checked.differences].slice(0, MOST_SHOWN);
    show(all);
  }
  return all;
}

/** The status sheet in Temporal's Web UI. */
function show({ accounts, operations, differences }: Compared): void {
  setCurrentDetails(
    [
      `- balances compared: ${accounts}, of ${operations} operations`,
      ...differences.map(
        ({ accountId, what, isFen, shouldBeFen }) =>
          `- **${accountId}**: ${what} is ${printYuan(isFen)} and should be ${printYuan(shouldBeFen)}`,
      ),
    ].join("\n"),
  );
}
