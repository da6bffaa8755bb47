import { readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import {
  addressHash,
  Download,
  DownloadAttempt,
  MediaParse,
  SharedMedia,
  wishHash,
} from "../../../models/downloads/index.ts";
import { Cookie, leaseRented } from "../../../models/proxies/index.ts";
import { newId, sha256 } from "../../../platform/crypto.ts";
import { openEgress } from "../../../platform/egress/index.ts";
import { readOpenedHost } from "../../../platform/outbound-rules.ts";
import { Disk, DiskLease } from "../../../models/disks/index.ts";
import { makeCertificate } from "../../support/certificates.ts";
import { makeDownload } from "../../support/downloads.ts";
import {
  logOf,
  type MediaPlace,
  openMediaPlace,
  startMediaWorker,
} from "../../support/media-worker.ts";
import { leaseOrder } from "../../support/proxies.ts";
import { startThirdPartyProxy } from "../../support/third-party-proxies.ts";
import { provideMediaTool } from "../../support/services/yt-dlp.ts";
import { until } from "../../support/until.ts";
import { mediaBytes, type MediaServer } from "../../support/stand-ins/media-server.ts";

let place: MediaPlace;
let source: MediaServer;
let inside: MediaServer;
beforeAll(async () => {
  place = await openMediaPlace();
  ({ source, inside } = place);
});
afterAll(() => place.close());

/** Where nobody listens. */
const NOBODY = "127.0.0.1:9";

/** A worker that may fetch from `source`, and from nothing else that is private. */
const startWorker = (maxBytes?: number, capacityBytes?: number) =>
  startMediaWorker({ ...place, opened: [source.host, NOBODY], maxBytes, capacityBytes });
const inActivity = <T>(body: () => Promise<T>): Promise<T> =>
  new MockActivityEnvironment().run(body);
const working = (path: string) => makeDownload({ url: source.address + path, state: "working" });

test("what an address has becomes an object, known by its digests, with its progress told on the way", async () => {
  const { fetch, tools, reports } = await startWorker();
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
  const percents = reports.map(({ percent }) => percent!);
  expect(percents).toEqual(percents.toSorted((a, b) => a - b));
  expect(reports.at(-1)).toMatchObject({ kind: "download", taskId: row.id, phase: "storing" });
  expect(await logOf(row)).toEqual([
    `Try 1 begins, with yt-dlp ${place.media.tool.version}.`,
    "Downloading.",
    "Finishing the file.",
    "Storing the file.",
    "Try 1 has fetched and stored the file.",
  ]);
  expect(await DownloadAttempt.findAll()).toMatchObject([
    { number: 1, toolVersion: place.media.tool.version, errorCode: null },
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
  const { activities, tools, reports } = await startWorker();
  const bytes = mediaBytes(500_000);
  source.serve("/both.mp4", bytes, { bytesPerTick: 100_000 });
  const [quick, archived] = [await working("/both.mp4"), await working("/both.mp4?fbclid=1")];
  await archived.update({ mode: "archive" });
  const order = (row: Download) => ({ downloadId: row.id, wishHash: wishHash(row) });
  const { mediaId } = await activities.joinSharedMedia(order(quick));
  expect(await activities.joinSharedMedia(order(archived))).toMatchObject({ mediaId });

  const stored = await inActivity(() => activities.fetchMedia({ mediaId, attempt: 1 }));
  const waiting = await activities.endSharedMedia({ mediaId, end: { media: stored } });
  const late = await working("/both.mp4");
  expect(await activities.joinSharedMedia(order(late))).toMatchObject({ end: { media: stored } });
  const finish = ({ id: downloadId }: Download, ttlSeconds: number | null) =>
    activities.finishDownload({ downloadId, media: stored, ttlSeconds, holdId: null });
  await finish(quick, 60);
  await finish(late, 60);
  await finish(archived, null);
  await finish(archived, null);

  expect(source.sent("/both.mp4")).toBeLessThan(2 * bytes.length);
  expect(waiting.toSorted()).toEqual([quick.id, archived.id].toSorted());
  const both = [quick.id, archived.id].toSorted();
  expect([...new Set(reports.map(({ taskId }) => taskId))].toSorted()).toEqual(both);
  const begun = `Try 1 begins, with yt-dlp ${place.media.tool.version}.`;
  expect([(await logOf(quick))[0], (await logOf(archived))[0]]).toEqual([begun, begun]);
  for (const row of [quick, archived, late]) await row.reload();
  expect([quick.objectKey, late.objectKey]).toEqual([stored.objectKey, stored.objectKey]);
  expect(archived).toMatchObject({ title: "both", state: "kept", sha256: sha256(bytes) });
  expect(archived.objectKey).toMatch(new RegExp(`/archive/\\d{8}/${archived.id}$`));
  await activities.expireDownload({ downloadId: quick.id });
  expect(await tools.objects.head(stored.objectKey)).toMatchObject({ bytes: bytes.length });
  await activities.removeFile({ downloadId: late.id });
  expect(await tools.objects.head(stored.objectKey)).toBeUndefined();
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

test("what a source said is forgotten when it is good for nothing any more", async () => {
  const { activities, fetch } = await startWorker();
  source.serve("/moved.mp4", mediaBytes(1000));
  const url = `${source.address}/moved.mp4`;
  const order = { addressHash: addressHash(url), sealedAddress: url };
  await new MockActivityEnvironment().run(() => activities.parseMedia(order));
  source.serve("/moved.mp4", Buffer.from(""), { status: 403 });
  const row = await working("/moved.mp4");

  await expect(fetch(row)).rejects.toMatchObject({ type: "downloads/blocked" });
  expect(await MediaParse.count()).toBe(0);
  source.serve("/moved.mp4", mediaBytes(2000));

  expect(await fetch(row)).toMatchObject({ bytes: 2000 });
});

test("what a killed worker wrote down by half is asked for anew", async () => {
  const { fetch, tools } = await startWorker();
  source.serve("/half.mp4", mediaBytes(1000));
  const row = await working("/half.mp4");
  await tools.parts.within(row.id, new AbortController().signal, (directory) =>
    writeFile(join(directory, "facts.info.json"), '{"id": "ha'),
  );

  expect(await fetch(row)).toMatchObject({ fileName: "half.mp4", bytes: 1000 });
});

test("a proxy asks for itself, whatever was told to somebody else", async () => {
  const { activities, tools } = await startWorker();
  const proxy = await startThirdPartyProxy({ username: "u", password: "p" });
  source.serve("/bound.mp4", mediaBytes(1000));
  const url = `${source.address}/bound.mp4`;
  const parse = { addressHash: addressHash(url), sealedAddress: url };
  await new MockActivityEnvironment().run(() => activities.parseMedia(parse));
  const row = await working("/bound.mp4");
  const order = leaseOrder({ taskId: row.id });
  const rented = { ...proxy.upstream, username: "u", password: "p" };
  await leaseRented(tools.database, order, rented);
  const before = source.asked.length;

  const fetch = { downloadId: row.id, attempt: 1, leaseId: order.id };
  await new MockActivityEnvironment().run(() => activities.fetchMedia(fetch));

  const asked = source.asked.length - before;
  expect(asked).toBeGreaterThan(1);
  expect(proxy.asked.length).toBe(asked);
});

test("a cookie shows what there is to everybody, and rests when it is refused; nobody reads it", async () => {
  const { activities, fetch } = await startWorker();
  const line = "127.0.0.1\tFALSE\t/\tFALSE\tnever\tsid\tvery-secret";
  const cookie = await Cookie.create({
    id: newId(),
    serial: 1,
    platform: "generic",
    name: "one",
    content: line,
    expireAt: null,
  });
  source.serve("/members.mp4", mediaBytes(1000));
  const url = `${source.address}/members.mp4`;
  const order = { addressHash: addressHash(url), sealedAddress: url };

  await new MockActivityEnvironment().run(() => activities.parseMedia(order));
  const parse = await MediaParse.findOne({ rejectOnEmpty: true });
  source.serve("/members.mp4", Buffer.from(""), { status: 401 });
  const row = await working("/members.mp4");
  const error = (await fetch(row).catch((thrown: unknown) => thrown)) as ApplicationFailure;

  expect([JSON.parse(parse.facts), parse.source]).toMatchObject([{ title: "members" }, ""]);
  expect(error).toMatchObject({ type: "downloads/needs-cookie", details: [{ kind: "retryable" }] });
  await cookie.reload();
  expect(cookie).toMatchObject({ successCount: 1, failCount: 1, freezeSeconds: 86_400 });
  const log = JSON.stringify(await logOf(row));
  expect(log).toContain("skipping cookie file entry");
  expect(log).not.toContain("very-secret");
});

test("a source that cannot be reached is not taken for a proxy", async () => {
  const { fetch } = await startWorker();
  const row = await makeDownload({ url: `https://${NOBODY}/film.mp4`, state: "working" });

  await expect(fetch(row)).rejects.toMatchObject({
    type: "downloads/source-away",
    details: [{ kind: "retryable" }],
  });
});

test("how long a source wants to be left alone is heard inside TLS too", async () => {
  const { fetch, tools } = await startWorker();
  const server = createServer(makeCertificate("source"), (_, response) => {
    response.writeHead(429, { "Retry-After": "77" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  tools.egress = await openEgress([readOpenedHost(host)!]);
  onTestFinished(() => tools.egress.close());
  const { tool } = await provideMediaTool(place.folder, ["--no-check-certificates"]);
  tools.mediaTool = () => tool;
  const row = await makeDownload({ url: `https://${host}/film.mp4`, state: "working" });

  await expect(fetch(row)).rejects.toMatchObject({
    type: "downloads/rate-limited",
    details: [{ kind: "rate-limited", retryAfterSeconds: 77 }],
  });
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

test("a source that breaks off again and again is away for now, and not for ever", async () => {
  const { fetch } = await startWorker();
  source.serve("/breaks.mp4", mediaBytes(1_000_000), { breaksAfter: 1000 });

  const error = await fetch(await working("/breaks.mp4")).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ type: "downloads/source-away", details: [{ kind: "retryable" }] });
});

test("nothing is begun without room, and nobody is to blame for that", async () => {
  const { fetch } = await startWorker(1_000_000, 2_000_000);
  source.serve("/waits.mp4", mediaBytes(1000));

  const error = await fetch(await working("/waits.mp4")).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({
    type: "downloads/disk-full",
    details: [{ kind: "retryable", waitsFor: "disk" }],
  });
  expect(source.asked.filter(({ path }) => path === "/waits.mp4")).toEqual([]);
  expect([await DownloadAttempt.count(), await DiskLease.count()]).toEqual([0, 0]);
});

test("room is leased for as much as may come, for what is known once it is, and until it is stored", async () => {
  const { fetch, tools } = await startWorker();
  const leases: number[] = [];
  const { measure } = tools.disk;
  tools.disk.measure = async () => {
    leases.push((await Disk.findOne())?.leasedBytes ?? 0);
    return measure();
  };
  source.serve("/known-soon.mp4", mediaBytes(3_000_000), { bytesPerTick: 150_000 });

  const fetching = fetch(await working("/known-soon.mp4"));
  await until(async () => (await Disk.findOne())?.leasedBytes === 6_000_000);
  await fetching;

  expect(leases).toEqual([0, 20_000_000]);
  expect([(await Disk.findOne())!.leasedBytes, await DiskLease.count()]).toEqual([0, 0]);
});

test("a source that has more than it said takes more room, or waits when there is none", async () => {
  const { activities, fetch, tools } = await startWorker(10_000_000, 10_000_000);
  source.serve("/grows.mp4", mediaBytes(6_000_000), { bytesPerTick: 200_000 });
  const row = await working("/grows.mp4");
  const order = { addressHash: addressHash(row.url), sealedAddress: row.url };
  await new MockActivityEnvironment().run(() => activities.parseMedia(order));
  const parse = (await MediaParse.findOne())!;
  const facts = JSON.stringify({ ...(JSON.parse(parse.facts) as object), bytes: 1000 });
  await parse.update({ facts });

  const error = await fetch(row).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ details: [{ waitsFor: "disk" }] });
  expect(await DownloadAttempt.findAll()).toMatchObject([{ number: 1, endedAt: null }]);
  tools.disk.measure = async () => ({
    id: sha256("more"),
    name: "m",
    capacityBytes: 1e9,
    usedBytes: 0,
  });
  expect(await fetch(row)).toMatchObject({ bytes: 6_000_000 });
});
