import type { Client } from "@temporalio/client";
import { pino } from "pino";
import { expect, test } from "vitest";
import { createCardLooks, createTimerActivities } from "../../activities/cards/timers.ts";
import { workflowId } from "../../domain/ids.ts";
import { QUEUES } from "../../domain/queues.ts";
import { Card, sumCards } from "../../models/cards/index.ts";
import type { Database } from "../../models/database.ts";
import { WebhookDelivery } from "../../models/webhooks/index.ts";
import { openLocalBus } from "../../platform/bus.ts";
import { startRelay } from "../../workers/relay.ts";
import type { cardWheel } from "../../workflows/cards/index.ts";
import { makeCard, show } from "../support/cards.ts";
import { openTestDatabase } from "../support/database.ts";
import { withWorkers } from "../support/temporal.ts";
import { until } from "../support/until.ts";
import { makeWebhook } from "../support/webhooks.ts";

const ALL = Object.values(QUEUES);
const NO_PARENT = { on: () => undefined, off: () => undefined };

const activitiesOf = (database: Database) => ({
  ...createTimerActivities({ database, cardRestoreSeconds: 60, cardResultsSeconds: 60 }),
  ...createCardLooks({ database }),
});
const relay = (database: Database, temporal: Client) =>
  startRelay({
    database,
    temporal,
    bus: openLocalBus(NO_PARENT),
    log: pino({ level: "silent" }),
    fault: () => undefined,
  });

test("cards end by themselves, by a run of their own or by their wheel, and it is told in time", async () => {
  const database = await openTestDatabase();
  const { webhook } = await makeWebhook(database, { events: ["card.expired"] });
  // What it hears of is kept, and nobody is called.
  await webhook.update({ state: "paused" });
  const cards = await Promise.all([1, 1, 1, 2].map((shard) => makeCard(database, { shard })));
  const [own, second, third, later] = cards as [Card, Card, Card, Card];

  await withWorkers(ALL, activitiesOf(database), async ({ client }) => {
    const stop = relay(database, client);
    const ends: Date[] = [];
    const one = { mostRuns: 1 };
    for (const [card, termSeconds] of [
      [own, 2],
      [second, 3],
      [later, 3600],
      [third, 1],
    ] as const) {
      const shown = await show(database, card, {}, { ...one, termSeconds });
      ends.push(shown!.expireAt!);
    }
    const run = client.workflow.getHandle(workflowId("card", own.id));
    await until(async () => (await WebhookDelivery.count()) === 3);
    await run.result();
    const wheel = client.workflow.getHandle<typeof cardWheel>(workflowId("card-wheel", "1"));
    expect((await wheel.describe()).status.name).toBe("RUNNING");
    await stop();

    const told = await WebhookDelivery.findAll({ order: [["createdAt", "ASC"]] });
    const last = Math.max(...told.map(({ createdAt }) => createdAt.getTime()));
    expect(last - Math.max(ends[0]!.getTime(), ends[1]!.getTime())).toBeLessThan(5_000);
  });

  expect(await sumCards()).toMatchObject({ active: 1, expired: 3 });
  expect((await Card.findAll({ where: { timer: null } })).length).toBe(3);
});

test("a card that came to its end while nothing ran is ended as soon as something runs", async () => {
  const database = await openTestDatabase();
  const card = await makeCard(database);
  await show(database, card, {}, { termSeconds: 1 });
  await until(() => Date.now() > card.createdAt.getTime() + 1_500);

  await withWorkers(ALL, activitiesOf(database), async ({ client }) => {
    const stop = relay(database, client);
    const back = Date.now();
    await until(async () => (await card.reload()).state === "expired");
    expect(Date.now() - back).toBeLessThan(5_000);
    await stop();
  });
});
