import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { expect, test } from "vitest";
import { createBillingActivities } from "../../activities/billing/index.ts";
import { FIRST_PRICES } from "../../domain/billing.ts";
import { workflowId } from "../../domain/ids.ts";
import { QUEUES } from "../../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { freeBalance, setPrices } from "../../models/billing/index.ts";
import { openLocalBus } from "../../platform/bus.ts";
import { newId } from "../../platform/crypto.ts";
import { startRelay } from "../../workers/relay.ts";
import { ledgerReconciliation } from "../../workflows/billing/index.ts";
import { resolveParked } from "../../workflows/helpers/parking.ts";
import { openTestDatabase } from "../support/database.ts";
import { fakeBilling } from "../support/fakes/billing-activities.ts";
import { accountsOf, makePurse } from "../support/ledger.ts";
import { withWorkers } from "../support/temporal.ts";
import { until } from "../support/until.ts";
import { ORIGIN } from "../support/webhooks.ts";

const NO_PAYMENTS = { alipay: undefined, close: async () => undefined };
const ALL = Object.values(QUEUES);
const NO_PARENT = { on: () => undefined, off: () => undefined };
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

test("money that is held goes back by itself at the end, and stays charged where it was charged", async () => {
  const database = await openTestDatabase();
  const activities = createBillingActivities({ database, payments: NO_PAYMENTS });
  const accountId = await makePurse(database, 1000);
  const funds = { accountId, usage: { frames: 4 }, leaseSeconds: 1 };
  await setPrices(database, { ...FIRST_PRICES, microYuanPerFrame: 1_000_000 }, ORIGIN);
  const [left, used] = [newId(), newId()];

  await withWorkers(ALL, activities, async ({ client }) => {
    const stop = startRelay({
      database,
      temporal: client,
      bus: openLocalBus(NO_PARENT),
      log: pino({ level: "silent" }),
      fault: () => undefined,
    });
    const first = await activities.holdFunds({ ...funds, holdId: left });
    // What is asked again costs what it cost at first.
    await setPrices(database, FIRST_PRICES, ORIGIN);
    expect(await activities.holdFunds({ ...funds, holdId: left })).toEqual(first);
    await activities.holdFunds({ ...funds, holdId: used });
    const charge = { holdId: used, usage: { frames: 1 }, isFinal: true };
    const charged = await activities.captureFunds(charge);
    expect(charged).toEqual({ chargedFen: 50, missingFen: 0 });
    expect(await activities.captureFunds(charge)).toEqual(charged);
    expect(await freeBalance(accountId)).toBe(550);

    const endOf = (holdId: string) =>
      client.workflow
        .getHandle(workflowId("hold", holdId))
        .result()
        .catch(() => undefined);
    await until(async () => (await endOf(left)) === "abandoned");
    expect(await endOf(used)).toBe("captured");
    await stop();
  });

  expect(await accountsOf(accountId)).toMatchObject({ cached: { free: 950, held: 0 } });
});
