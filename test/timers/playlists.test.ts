import { randomUUID } from "node:crypto";
import type { Client } from "@temporalio/client";
import { expect, test } from "vitest";
import { workflowId } from "../../domain/ids.ts";
import { QUEUES } from "../../domain/queues.ts";
import {
  cancelDownload,
  download,
  playlist,
  removeDownload,
} from "../../workflows/downloads/index.ts";
import { fakeDownload } from "../support/fakes/download-activities.ts";
import { withTimeSkipping } from "../support/temporal.ts";
import { until } from "../support/until.ts";

const begin = (client: Client, id: string = randomUUID()) => {
  const args: [{ downloadId: string }] = [{ downloadId: id }];
  const order = { taskQueue: QUEUES.orchestrator, workflowId: workflowId("download", id), args };
  return client.workflow.start(playlist, order);
};
const withoutTidying = (happened: string[]) => happened.filter((one) => one !== "tidied");
const looks = [
  { left: 2, done: 0 },
  { left: 1, done: 1 },
  { left: 0, done: 1 },
];

test("a list is read, its media are begun and followed, and it is kept when one of them has its file", async () => {
  const { activities, happened } = fakeDownload(["retryable", "media"], {}, [], looks);

  await withTimeSkipping(activities, async ({ client }) => {
    expect(await (await begin(client)).result()).toBe("kept");
  });

  expect(withoutTidying(happened)).toEqual([
    "listed",
    "retryable, again in 15",
    "again",
    "listed",
    "begun",
    "2 left",
    "1 left",
    "0 left",
    "finished",
  ]);
});

test("one on it that has ended says so, and it is looked at at once", async () => {
  const { activities, happened } = fakeDownload(["media"], { isListed: true }, [], looks);
  const parentId = randomUUID();
  const child = fakeDownload(["terminal"], { parentId });
  const both = {
    ...activities,
    takeUpDownload: async ({ downloadId }: { downloadId: string }) =>
      downloadId === parentId ? activities.takeUpDownload() : child.activities.takeUpDownload(),
    fetchMedia: child.activities.fetchMedia,
  };

  const events = await withTimeSkipping(both, async ({ client }) => {
    const handle = await begin(client, parentId);
    await until(() => happened.includes("2 left"));
    const args: [{ downloadId: string }] = [{ downloadId: "child" }];
    const order = { taskQueue: QUEUES.orchestrator, workflowId: "download/child", args };
    expect(await client.workflow.execute(download, order)).toBe("failed");
    expect(await handle.result()).toBe("kept");
    return (await handle.fetchHistory()).events!;
  });

  const told = events.filter((event) => event.workflowExecutionSignaledEventAttributes);
  expect(told).toHaveLength(1);
  expect(happened).not.toContain("listed");
});

test("a list of which nothing could be fetched has failed, and so has one that cannot be read", async () => {
  const none = fakeDownload(["media"], {}, [], [{ left: 0, done: 0 }]);
  const unread = fakeDownload(["terminal"]);

  for (const { activities } of [none, unread]) {
    await withTimeSkipping(activities, async ({ client }) => {
      expect(await (await begin(client)).result()).toBe("failed");
    });
  }

  expect(none.happened).toContain("failed: downloads/failed");
  expect(unread.happened).toContain("failed: downloads/source-gone");
  expect(unread.happened).not.toContain("begun");
});

test("cancelled or removed, it ends what goes on of it", async () => {
  const cancelled = fakeDownload(["media"], {}, [], looks);
  const removed = fakeDownload(["media"], {}, [], looks);

  await withTimeSkipping(cancelled.activities, async ({ client }) => {
    const handle = await begin(client);
    await until(() => cancelled.happened.includes("2 left"));
    await handle.executeUpdate(cancelDownload, { args: [{}] });
    expect(await handle.result()).toBe("failed");
  });
  await withTimeSkipping(removed.activities, async ({ client }) => {
    const handle = await begin(client);
    await until(() => removed.happened.includes("2 left"));
    await handle.executeUpdate(removeDownload, { args: [{}] });
    await handle.result();
  });

  expect(withoutTidying(cancelled.happened).slice(-2)).toEqual([
    "media cancelled",
    "failed: downloads/cancelled",
  ]);
  expect(withoutTidying(removed.happened).at(-1)).toBe("media removed");
});
