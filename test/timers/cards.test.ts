import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { cardEnd, cardWheel, lookAgain, turn } from "../../workflows/cards/index.ts";
import { fakeCards } from "../support/fakes/card-activities.ts";
import { withTimeSkipping } from "../support/temporal.ts";
import { until } from "../support/until.ts";

const HOUR_MS = 3_600_000;
const taskQueue = QUEUES.orchestrator;

test("a card's run sleeps to its end to the second, however often that was moved", async () => {
  const { activities, due, happened } = fakeCards();

  const lateMs = await withTimeSkipping(activities, async ({ client, now, sleep }) => {
    due.push((await now()) + 3 * HOUR_MS);
    const handle = await client.workflow.start(cardEnd, {
      taskQueue,
      workflowId: randomUUID(),
      args: [{ cardId: "card" }],
    });
    await until(() => happened.length === 1);
    // Later: nobody tells it. Earlier: somebody does.
    due[0] = due[0]! + HOUR_MS;
    await sleep("3 hours");
    await until(() => happened.length === 2);
    due[0] -= HOUR_MS / 2;
    await handle.executeUpdate(lookAgain);
    const end = due[0];
    await handle.result();
    return (await handle.describe()).closeTime!.getTime() - end;
  });

  expect(happened).toEqual(["looked", "looked", "looked", "looked", "ended 1"]);
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThan(5_000);
});

test("a run that finds its card ended ends with it, and asks for nothing", async () => {
  const { activities, happened } = fakeCards();

  await withTimeSkipping(activities, async ({ client }) => {
    const args: [{ cardId: string }] = [{ cardId: "card" }];
    await client.workflow.execute(cardEnd, { taskQueue, workflowId: randomUUID(), args });
  });

  expect(happened).toEqual(["looked"]);
});

test("a wheel ends its cards one after the other, sleeps when it has none, and hears of sooner ones", async () => {
  const { activities, due, happened } = fakeCards();

  await withTimeSkipping(activities, async ({ client, now, sleep }) => {
    const begun = await now();
    due.push(begun + HOUR_MS, begun + HOUR_MS + 100, begun + 30 * HOUR_MS);
    const handle = await client.workflow.start(cardWheel, {
      taskQueue,
      workflowId: randomUUID(),
      args: [{ shard: 1 }],
    });
    await until(() => happened.length === 1);
    await sleep("2 hours");
    await until(() => due.length === 1);
    due.push((await now()) + HOUR_MS);
    await handle.executeUpdate(turn, { args: [{ dueAt: due[1]! }] });
    await sleep("2 hours");
    await until(() => due.length === 1);
    await sleep("30 hours");
    await until(() => due.length === 0);
    await handle.terminate();
  });

  expect(happened.filter((one) => one !== "ended 0")).toSatisfy((ended: string[]) => {
    const count = ended.reduce((sum, one) => sum + Number(one.split(" ")[1]), 0);
    return count === 4 && ended.length <= 4;
  });
});
