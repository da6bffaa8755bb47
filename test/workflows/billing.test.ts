import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { ledgerReconciliation } from "../../workflows/billing.ts";
import { resolveParked } from "../../workflows/helpers/parking.ts";
import { fakeBilling } from "../support/fakes/billing-activities.ts";
import { withWorkers } from "../support/temporal.ts";
import { until } from "../support/until.ts";

const ALL = Object.values(QUEUES);
const start = () => ({ taskQueue: QUEUES.orchestrator, workflowId: randomUUID() });

test("a ledger that adds up is compared to its end, and nobody is asked", async () => {
  const { activities, told } = fakeBilling([0]);

  const found = await withWorkers(ALL, activities, ({ client }) =>
    client.workflow.execute(ledgerReconciliation, start()),
  );

  expect(found).toEqual({ accounts: 4, operations: 6, differences: [] });
  expect(told).toEqual([]);
});

test("a difference is written down and waits for a person, and is looked at again when they say so", async () => {
  const { activities, told } = fakeBilling([1, 0]);

  const found = await withWorkers(ALL, activities, async ({ client }) => {
    const handle = await client.workflow.start(ledgerReconciliation, start());
    await until(() => told.length === 1);
    const { typedSearchAttributes: shown } = await handle.describe();
    expect(shown.get(SEARCH_ATTRIBUTES.stage)).toBe("parked");
    expect(shown.get(SEARCH_ATTRIBUTES.needsOperator)).toBe(true);
    const decision = { action: "retry", reason: "mended", by: "admin" } as const;
    await handle.executeUpdate(resolveParked, { args: [decision] });
    return handle.result();
  });

  expect(told).toMatchObject([[{ what: "free", isFen: 1, shouldBeFen: 2 }]]);
  expect(found.differences).toEqual([]);
});

test("who gives up ends it, with what differs", async () => {
  const { activities, told } = fakeBilling([1]);

  const found = await withWorkers(ALL, activities, async ({ client }) => {
    const handle = await client.workflow.start(ledgerReconciliation, start());
    await until(() => told.length === 1);
    const decision = { action: "abort", reason: "known", by: "admin" } as const;
    await handle.executeUpdate(resolveParked, { args: [decision] });
    return handle.result();
  });

  expect(found.differences).toHaveLength(1);
});
