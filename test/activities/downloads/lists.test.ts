import { MockActivityEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Download } from "../../../models/downloads/index.ts";
import { makeDownload } from "../../support/downloads.ts";
import {
  logOf,
  type MediaPlace,
  openMediaPlace,
  startMediaWorker,
} from "../../support/media-worker.ts";
import { mediaBytes, type MediaServer } from "../../support/stand-ins/media-server.ts";

let place: MediaPlace;
let source: MediaServer;
let inside: MediaServer;
beforeAll(async () => {
  place = await openMediaPlace();
  ({ source, inside } = place);
});
afterAll(() => place.close());

const startWorker = () => startMediaWorker({ ...place, opened: [source.host] });
const inActivity = <T>(body: () => Promise<T>): Promise<T> =>
  new MockActivityEnvironment().run(body);

/** A feed of media, as those who publish sound and pictures write it. */
function feedOf(title: string, addresses: readonly string[]): Buffer {
  const items = addresses.map(
    (url, at) =>
      `<item><title>No. ${at + 1}</title><enclosure url="${url}" type="video/mp4"/></item>`,
  );
  const feed = `<rss version="2.0"><channel><title>${title}</title>${items.join("")}</channel></rss>`;
  return Buffer.from(`<?xml version="1.0"?>${feed}`);
}

const workingList = (path: string) =>
  makeDownload({ url: source.address + path, state: "working", kind: "playlist" });
const listed = ({ id }: Download) =>
  Download.findAll({ where: { parentId: id }, order: ["position"] });

test("what is on a list becomes downloads of their own, judged like what users give, begun as far as the quota goes", async () => {
  const { activities } = await startWorker();
  const at = (path: string) => source.address + path;
  const addresses = [at("/1.mp4"), `http://${inside.host}/2.mp4`, at("/3.mp4"), at("/4.mp4")];
  source.serve("/feed.xml", feedOf("A feed", addresses), { contentType: "application/rss+xml" });
  const row = await workingList("/feed.xml");
  const order = { downloadId: row.id, attempt: 1 };

  for (const _ of [1, 2]) await inActivity(() => activities.readList(order));
  await activities.beginMedia(order);

  expect(await listed(row)).toMatchObject([
    { url: at("/1.mp4"), title: "No. 1", state: "queued", isHeldBack: false },
    { title: "No. 2", state: "failed", errorCode: "downloads/address-refused" },
    { title: "No. 3", state: "queued", isHeldBack: false },
    { title: "No. 4", state: "failed", errorCode: "downloads/quota-exceeded" },
  ]);
  expect(await activities.followMedia(order)).toEqual({ left: 2, done: 0 });
  expect(inside.asked).toEqual([]);
  expect(source.asked.filter(({ path }) => path.endsWith(".mp4"))).toEqual([]);
  expect(await row.reload()).toMatchObject({ title: "A feed", isTruncated: false, attempts: 1 });
  await activities.cancelMedia(order);
  await activities.removeMedia(order);
  expect((await listed(row)).every(({ deletedAt }) => deletedAt !== null)).toBe(true);
});

test("of a long list the first are fetched, and it is said that there are more; what is no list has one", async () => {
  const { activities } = await startWorker();
  const addresses = Array.from({ length: 503 }, (_, at) => `${source.address}/${at}.mp4`);
  source.serve("/long.xml", feedOf("Long", addresses), { contentType: "application/rss+xml" });
  source.serve("/single.mp4", mediaBytes(1000));
  const [long, single] = [await workingList("/long.xml"), await workingList("/single.mp4")];

  for (const { id: downloadId } of [long, single]) {
    await inActivity(() => activities.readList({ downloadId, attempt: 1 }));
  }

  expect(await listed(long)).toHaveLength(500);
  expect(await long.reload()).toMatchObject({ isTruncated: true });
  expect(await logOf(long)).toContain(
    "The list has more than 500 media: the first 500 are fetched.",
  );
  expect(await listed(single)).toMatchObject([{ url: `${source.address}/single.mp4` }]);
});
