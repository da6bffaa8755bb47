import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { type Follower, openChannels } from "../../../api/sockets/channels.ts";
import type { Frame } from "../../../api/sockets/frames.ts";
import { FeedFrame, forgetFrames, FRAMES_PAGE } from "../../../models/feeds/index.ts";
import { openLocalBus } from "../../../platform/bus.ts";
import { openTestDatabase } from "../../support/database.ts";
import { crowdFeed, makeTask, tellTask } from "../../support/feeds.ts";

test("what is forgotten while somebody catches up is no gap that they do not hear of", async () => {
  const database = await openTestDatabase();
  const task = makeTask();
  const { accountId } = task;
  await tellTask(database, task, "running");
  const last = 2 * FRAMES_PAGE;
  await crowdFeed(database, accountId, { frames: last - 1, from: 2 });
  const tools = { database, bus: openLocalBus(), log: pino({ level: "silent" }) };
  const channels = openChannels(tools);
  onTestFinished(() => channels.close());

  const heard: Frame[] = [];
  const follower: Follower = {
    seq: 0,
    isGone: false,
    tell: (frame) => void heard.push(frame),
    hear: (frame) => void heard.push(frame),
    // Too much waits once: after the first frame.
    get waitingBytes() {
      return heard.length === 1 ? Infinity : 0;
    },
    async drained() {
      const long = new Date(Date.now() - 1000);
      await FeedFrame.update({ createdAt: long }, { where: { accountId }, silent: true });
      await forgetFrames(database, { frames: new Date(), tasks: long });
    },
  };
  await channels.follow(accountId, follower, { since: 0 });

  const first = Array.from({ length: FRAMES_PAGE }, (_, index) => index + 1);
  expect(heard.map(({ seq }) => seq)).toEqual([...first, 0, 1]);
  const [resync, state] = heard.slice(FRAMES_PAGE);
  expect(resync).toMatchObject({ event: "resync" });
  expect(JSON.parse(resync!.body)).toMatchObject({ since: FRAMES_PAGE });
  expect(state).toMatchObject({ event: "task:status", task: task.taskId });
  expect(follower.seq).toBe(last);
});
