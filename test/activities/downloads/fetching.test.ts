import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createDownloadActivities, type StoredMedia } from "../../../activities/downloads/index.ts";
import type { DownloadTools } from "../../../activities/downloads/tools.ts";
import type { Event } from "../../../domain/events.ts";
import {
  addressHash,
  Download,
  DownloadAttempt,
  MediaParse,
  SharedMedia,
  wishHash,
} from "../../../models/downloads/index.ts";
import { openLocalBus } from "../../../platform/bus.ts";
import { sha256 } from "../../../platform/crypto.ts";
import { openEgress } from "../../../platform/egress/index.ts";
import { openObjectStore } from "../../../platform/objects/index.ts";
import { readOpenedHost } from "../../../platform/outbound-rules.ts";
import { openPartFolders } from "../../../platform/part-folders.ts";
import { openTestDatabase } from "../../support/database.ts";
import { makeDownload } from "../../support/downloads.ts";
import { provideMediaTool } from "../../support/services/yt-dlp.ts";
import {
  mediaBytes,
  type MediaServer,
  startMediaServer,
} from "../../support/stand-ins/media-server.ts";

let folder: string;
let source: MediaServer;
let inside: MediaServer;
let media: Awaited<ReturnType<typeof provideMediaTool>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "longhaul-fetching-"));
  [source, inside] = [await startMediaServer(), await startMediaServer()];
  media = await provideMediaTool(folder);
});
afterAll(async () => {
  await Promise.all([source.close(), inside.close()]);
  await rm(folder, { recursive: true, force: true });
});

/** A worker that may fetch from `source`, and from nothing else that is private. */
async function startWorker(maxBytes = 10_000_000) {
  const database = await openTestDatabase();
  const egress = await openEgress([readOpenedHost(source.host)!]);
  onTestFinished(() => egress.close());
  const bus = openLocalBus({ on: () => undefined, off: () => undefined });
  const events: Event[] = [];
  bus.subscribe((event) => events.push(event));
  const own = await mkdtemp(join(folder, "worker-"));
  const tools: DownloadTools = {
    database,
    bus,
    egress,
    objects: await openObjectStore({ s3: undefined, folder: join(own, "objects") }),
    parts: await openPartFolders(join(own, "parts"), join(folder, "run")),
    mediaTool: () => media.tool,
    withScratch: (name, body) => media.shell.withScratch(name, body),
    unseal: (sealed) => sealed,
    downloadSettings: { quickTtlSeconds: 60, maxBytes, retryPausesSeconds: [], isCharged: false },
  };
  const activities = createDownloadActivities(tools);
  const fetch = ({ id: downloadId }: Download): Promise<StoredMedia> =>
    new MockActivityEnvironment().run(() => activities.fetchMedia({ downloadId, attempt: 1 }));
  return { tools, activities, fetch, events };
}
const inActivity = <T>(body: () => Promise<T>): Promise<T> =>
  new MockActivityEnvironment().run(body);
const working = (path: string) => makeDownload({ url: source.address + path, state: "working" });

test("what an address has becomes an object, known by its digests, with its progress told on the way", async () => {
  const { fetch, tools, events } = await startWorker();
  const bytes = mediaBytes(2_000_000);
  source.serve("/A clip.mp4", bytes, { bytesPerTick: 200_000 });
  const row = await working("/A%20clip.mp4");

  const stored = await fetch(row);

  expect(stored).toMatchObject({
    objectKey: `accounts/${row.accountId}/downloads/quick/${row.id}`,
    fileName: "A clip.mp4",
    bytes: bytes.length,
    sha256: sha256(bytes),
  });
  expect(await tools.objects.head(stored.objectKey)).toMatchObject({ bytes: bytes.length });
  const told = events.filter(({ type }) => type === "download.progressed");
  const percents = told.map(({ data }) => (data as { percent: number }).percent);
  expect(percents).toEqual(percents.toSorted((a, b) => a - b));
  expect(told.at(-1)!.data).toMatchObject({ phase: "storing", historyId: row.serial, attempt: 1 });
  expect(await DownloadAttempt.findAll()).toMatchObject([
    { number: 1, toolVersion: media.tool.version, errorCode: null },
  ]);
});

test("what was asked a short while ago is not asked again", async () => {
  const { activities, fetch } = await startWorker();
  source.serve("/known.mp4", mediaBytes(1000));
  const url = `${source.address}/known.mp4`;
  const order = { addressHash: addressHash(url), sealedAddress: url };
  await new MockActivityEnvironment().run(() => activities.parseMedia(order));
  const before = source.asked.length;

  await fetch(await working("/known.mp4?utm_source=mail"));

  expect(await MediaParse.count()).toBe(1);
  expect(source.asked.length - before).toBe(1);
});

test("what two want is fetched once, told to both, and there until neither wants it", async () => {
  const { activities, tools, events } = await startWorker();
  const bytes = mediaBytes(500_000);
  source.serve("/both.mp4", bytes, { bytesPerTick: 100_000 });
  const [quick, archived] = [await working("/both.mp4"), await working("/both.mp4?fbclid=1")];
  await archived.update({ mode: "archive" });
  const order = (row: Download) => ({ downloadId: row.id, wishHash: wishHash(row) });
  const { mediaId } = await activities.joinSharedMedia(order(quick));
  expect(await activities.joinSharedMedia(order(archived))).toMatchObject({ mediaId });

  const media = await inActivity(() => activities.fetchMedia({ mediaId, attempt: 1 }));
  const waiting = await activities.endSharedMedia({ mediaId, end: { media } });
  const late = await working("/both.mp4");
  expect(await activities.joinSharedMedia(order(late))).toMatchObject({ end: { media } });
  const finish = ({ id: downloadId }: Download, ttlSeconds: number | null) =>
    activities.finishDownload({ downloadId, media, ttlSeconds, holdId: null });
  await finish(quick, 60);
  await finish(late, 60);
  await finish(archived, null);
  await finish(archived, null);

  expect(source.sent("/both.mp4")).toBeLessThan(2 * bytes.length);
  expect(waiting.toSorted()).toEqual([quick.id, archived.id].toSorted());
  const told = events.filter(({ type }) => type === "download.progressed");
  expect(new Set(told.map(({ data }) => (data as { downloadId: string }).downloadId))).toEqual(
    new Set([quick.id, archived.id]),
  );
  for (const row of [quick, archived, late]) await row.reload();
  expect([quick.objectKey, late.objectKey]).toEqual([media.objectKey, media.objectKey]);
  expect(archived).toMatchObject({ title: "both", state: "kept", sha256: sha256(bytes) });
  expect(archived.objectKey).toMatch(new RegExp(`/archive/\\d{8}/${archived.id}$`));
  await activities.expireDownload({ downloadId: quick.id });
  expect(await tools.objects.head(media.objectKey)).toMatchObject({ bytes: bytes.length });
  await activities.removeFile({ downloadId: late.id });
  expect(await tools.objects.head(media.objectKey)).toBeUndefined();
  expect(await tools.objects.head(archived.objectKey!)).toMatchObject({ bytes: bytes.length });
  expect(await SharedMedia.count()).toBe(0);
});

test("a source that leads into a private network is refused there, and nothing is left of it", async () => {
  const { fetch, tools } = await startWorker();
  inside.serve("/secret.mp4", mediaBytes(1000));
  const headers = { Location: `${inside.address}/secret.mp4` };
  source.serve("/away.mp4", Buffer.from(""), { status: 302, headers });

  const error = (await fetch(await working("/away.mp4")).catch(
    (thrown: unknown) => thrown,
  )) as ApplicationFailure;

  expect(error).toMatchObject({
    type: "downloads/address-refused",
    nonRetryable: true,
    details: [{ kind: "terminal" }],
  });
  expect(inside.asked).toEqual([]);
  const [name] = await tools.parts.list();
  await tools.parts.within(name!, new AbortController().signal, async (path) => {
    expect((await readdir(path)).filter((one) => one.startsWith("media"))).toEqual([]);
  });
  expect(await Download.count({ where: { state: "working" } })).toBe(1);
});

test("a source that sends more than it may is ended, whatever it has said", async () => {
  const { fetch } = await startWorker(100_000);
  source.serve("/lies.mp4", mediaBytes(5_000_000), { hidesLength: true, bytesPerTick: 100_000 });

  const error = (await fetch(await working("/lies.mp4")).catch(
    (thrown: unknown) => thrown,
  )) as ApplicationFailure;

  expect(error).toMatchObject({ type: "downloads/too-large", details: [{ kind: "terminal" }] });
  expect(source.sent("/lies.mp4")).toBeLessThan(5_000_000);
});
