import { expect, onTestFinished, test } from "vitest";
import type { Event } from "../../domain/events.ts";
import { LIMITS } from "../../domain/limits.ts";
import {
  type Database,
  type DatabasePlace,
  inTransaction,
  openDatabase,
} from "../../models/database.ts";
import {
  FeedFrame,
  FeedTask,
  forgetFrames,
  framesAfter,
  lastSeqs,
  publishTask,
  recordProgress,
  stateOf,
} from "../../models/feeds/index.ts";
import { MODELS } from "../../models/index.ts";
import { migrate } from "../../models/schema.ts";
import { WebhookDelivery } from "../../models/webhooks/index.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases } from "../support/database.ts";
import {
  crowdFeed,
  giveNotice,
  makeTask,
  progressOf,
  readFeed,
  tellNote,
  tellTask,
} from "../support/feeds.ts";
import { makeWebhook } from "../support/webhooks.ts";

const HOUR_MS = 3_600_000;
const ago = (hours: number) => new Date(Date.now() - hours * HOUR_MS);
const told = async (database: Database, accountId: string, seq = 0) =>
  (await readFeed(database, accountId, seq)).map(({ seq, event }) => [seq, event]);
const bodyOf = ({ body }: { body: string }) => JSON.parse(body) as Record<string, unknown>;

describeDatabases(({ open, place }) => {
  test("what becomes of a task is numbered in the order of its commits, and told to its account alone", async () => {
    const database = await open();
    const task = makeTask();
    const other = makeTask();

    await tellTask(database, task, "queued");
    await tellTask(database, other, "queued");
    await tellNote(database, task, "metadata");
    await giveNotice(database, task.accountId);
    await tellTask(database, task, "completed");

    expect(await told(database, task.accountId)).toEqual([
      [1, "task:status"],
      [2, "task:log"],
      [3, "notification"],
      [4, "task:completed"],
    ]);
    expect(await told(database, task.accountId, 3)).toEqual([[4, "task:completed"]]);
    expect(await told(database, other.accountId)).toEqual([[1, "task:status"]]);
    const [, , , last] = await readFeed(database, task.accountId);
    expect(bodyOf(last!)).toMatchObject({
      task_id: task.taskId,
      result_files: ["/dist/1/release.zip"],
      render_time: 2,
      cost: 0,
    });
  });

  test("fifty that tell one new account at once get fifty numbers without a gap", async () => {
    const database = await open();
    const accountId = newId();

    await Promise.all(
      Array.from({ length: 50 }, () => tellTask(database, makeTask(accountId), "queued")),
    );

    const numbers = (await readFeed(database, accountId)).map(({ seq }) => seq);
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(await lastSeqs([accountId, newId()])).toEqual(new Map([[accountId, 50]]));
  });

  test("what is rolled back was never told, to nobody", async () => {
    const announced: Event[] = [];
    const at = await place();
    const { database } = await openBoth(at, announced);
    const task = makeTask();

    const failed = inTransaction(database, async (transaction) => {
      await publishTask({ ...task, state: "queued" }, transaction);
      throw new Error("no");
    });

    await expect(failed).rejects.toThrow("no");
    expect(await told(database, task.accountId)).toEqual([]);
    expect(announced).toEqual([]);
    await tellTask(database, task, "queued");
    expect(announced).toEqual([{ type: "feed.grew", data: { accountId: task.accountId } }]);
  });

  test("of progress the newest alone is kept, which within a phase never falls", async () => {
    const database = await open();
    const task = makeTask();
    const { accountId } = task;
    await tellTask(database, task, "running");

    for (const percent of [10, 40, 25]) await recordProgress(database, [progressOf(task, percent)]);

    const [, progress] = await readFeed(database, accountId);
    expect(await told(database, accountId)).toEqual([
      [1, "task:status"],
      [4, "task:progress"],
    ]);
    expect(bodyOf(progress!)).toMatchObject({
      progress: 40,
      phase: "building",
      phase_label: "正在构建",
      phase_label_en: "Building",
    });
    await recordProgress(database, [{ ...progressOf(task, 3.14159), phase: "processing" }]);
    const [, next] = await readFeed(database, accountId);
    expect(bodyOf(next!)).toMatchObject({ progress: 3.1, phase: "processing" });
    await tellTask(database, task, "queued");
    await recordProgress(database, [{ ...progressOf(task, 2), phase: "processing" }]);
    const [, , anew] = await readFeed(database, accountId);
    expect(bodyOf(anew!)).toMatchObject({ progress: 2, phase: "processing" });
  });

  test("a task that is over, or that nobody was told of, makes no more progress", async () => {
    const database = await open();
    const task = makeTask();
    await tellTask(database, task, "failed");

    await recordProgress(database, [
      progressOf(task, 50),
      progressOf(makeTask(task.accountId), 50),
    ]);

    expect(await told(database, task.accountId)).toEqual([[1, "task:failed"]]);
    await tellTask(database, task, "running");
    await recordProgress(database, [progressOf(task, 50)]);
    expect((await told(database, task.accountId)).at(-1)?.[1]).toBe("task:progress");
  });

  test("the state is the newest of each task, those that have long been over left out", async () => {
    const database = await open();
    const accountId = newId();
    const [running, over, old] = [makeTask(accountId), makeTask(accountId), makeTask(accountId)];
    await tellTask(database, old, "failed");
    await FeedTask.update({ endedAt: ago(25) }, { where: { id: old.taskId } });
    await tellTask(database, running, "queued");
    await tellTask(database, running, "running");
    await tellTask(database, over, "completed");
    await recordProgress(database, [progressOf(running, 10)]);

    const { seq, frames } = await stateOf(database, accountId);

    expect(seq).toBe(5);
    expect(frames.map(({ seq, event, task }) => [seq, event, task])).toEqual([
      [3, "task:status", running.taskId],
      [4, "task:completed", over.taskId],
      [5, "task:progress", running.taskId],
    ]);
    expect(await stateOf(database, newId())).toEqual({ seq: 0, frames: [] });
  });

  test("frames are kept for a day and as many as a feed holds; who was away longer can tell", async () => {
    const database = await open();
    const task = makeTask();
    const { accountId } = task;
    for (const state of ["queued", "running", "completed"] as const) {
      await tellTask(database, task, state);
    }
    const where = { accountId, seq: 1 };
    await FeedFrame.update({ createdAt: ago(25) }, { where, silent: true });
    const forget = () => forgetFrames(database, { frames: ago(24), tasks: ago(24 * 7) });

    await forget();

    const after = (seq: number) => framesAfter(database, accountId, seq);
    expect([await after(0), await after(4)]).toEqual([undefined, undefined]);
    expect((await after(1))!.map(({ seq }) => seq)).toEqual([2, 3]);
    expect(await after(3)).toEqual([]);
    expect(await FeedTask.count()).toBe(1);

    await crowdFeed(database, accountId, { frames: LIMITS.feedFrames, from: 4 });
    await FeedTask.update({ endedAt: ago(24 * 8) }, { where: { id: task.taskId } });
    await forget();

    expect(await FeedFrame.count({ where: { accountId } })).toBe(LIMITS.feedFrames);
    expect((await told(database, accountId, 3))[0]).toEqual([4, "notification"]);
    expect(await FeedTask.count()).toBe(0);
  });

  test("a webhook hears of its owner's tasks and notices, and of nobody else's", async () => {
    const database = await open();
    const events = ["task.status_changed", "task.completed", "notice.given"] as const;
    const { webhook } = await makeWebhook(database, { events: [...events] });
    const task = makeTask(webhook.ownerId);

    await tellTask(database, task, "queued");
    await tellTask(database, task, "failed");
    await tellTask(database, makeTask(), "queued");
    await giveNotice(database, webhook.ownerId);
    await giveNotice(database, newId());

    const deliveries = await WebhookDelivery.findAll({ order: [["id", "ASC"]] });
    expect(deliveries.map(({ event }) => event)).toEqual(["task.status_changed", "notice.given"]);
    expect(bodyOf(deliveries[0]!)).toMatchObject({
      type: "task.status_changed",
      data: { account: webhook.ownerId, task_id: task.taskId, status: "queued" },
    });
  });
});

/** A database that tells what it announces. */
async function openBoth(at: DatabasePlace, announced: Event[]) {
  const database = await openDatabase({
    ...at,
    define: MODELS,
    announce: (event) => announced.push(event),
  });
  onTestFinished(() => database.close());
  await migrate(database);
  return { database };
}
