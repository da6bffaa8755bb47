import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { openTestDatabase } from "../support/database.ts";
import { makeTask, readFeed, tellTask } from "../support/feeds.ts";
import { openProgress } from "../../workers/progress.ts";

const log = pino({ level: "silent" });

async function openScene() {
  const database = await openTestDatabase();
  const task = makeTask();
  await tellTask(database, task, "running");
  const told = async () => {
    const rows = await readFeed(database, task.accountId, 1);
    return rows.map(({ seq, body }) => ({ seq, ...(JSON.parse(body) as object) }));
  };
  return { database, task, told, progress: openProgress({ database, log }) };
}

test("of a hundred reports at once two are told: the first and the newest", async () => {
  const { task, told, progress } = await openScene();

  for (let done = 1; done <= 100; done++) {
    progress.report({ ...task, phase: "downloading", done, total: 100, unit: "bytes" });
  }
  await progress.close();

  expect(await told()).toMatchObject([
    { seq: 2, progress: 100, downloaded_bytes: 100, total_bytes: 100 },
  ]);
});

test("speed and time left are told from how the numbers grow, once that can be seen", async () => {
  const { task, told, progress } = await openScene();
  const now = vi.spyOn(performance, "now");
  const report = async (atMs: number, done: number) => {
    now.mockReturnValue(atMs);
    progress.report({ ...task, phase: "downloading", done, total: 1000, unit: "bytes" });
    await progress.close();
    return (await told())[0]!;
  };

  expect(await report(1_000_000, 0)).not.toHaveProperty("speed");
  expect(await report(1_001_000, 100)).toMatchObject({ speed: 100, eta: 9, progress: 10 });
  expect(await report(1_001_100, 110)).toMatchObject({ speed: 100, eta: 9, progress: 11 });
  expect(await report(1_002_000, 300)).toMatchObject({ speed: 130, eta: 6 });
  now.mockRestore();
});

test("what cannot be written down is left out, and the next is told", async () => {
  const { database, task, told, progress } = await openScene();
  const fail = vi.spyOn(database, "transact").mockRejectedValueOnce(new Error("away"));

  progress.report({ ...task, phase: "building", percent: 10 });
  await progress.close();
  expect(await told()).toEqual([]);
  fail.mockRestore();
  progress.report({ ...task, phase: "building", percent: 20 });
  await progress.close();

  expect(await told()).toMatchObject([{ progress: 20 }]);
});
