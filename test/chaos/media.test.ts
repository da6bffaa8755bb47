import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "../../models/database.ts";
import { ask, openBeside } from "../support/leftovers.ts";
import { callAs, signIn } from "../support/package-client.ts";
import { ADMIN_PASSWORD, type Platform, startPlatform } from "../support/platform.ts";
import {
  mediaBytes,
  type MediaServer,
  startMediaServer,
} from "../support/stand-ins/media-server.ts";
import { until } from "../support/until.ts";

// Downloads come to their end though what fetches them is killed, or everything is away when their time comes.

const MiB = 1024 * 1024;
const TTL_SECONDS = 8;
const BALANCE = "100.00";

let platform: Platform;
let database: Database;
let source: MediaServer;
let token: string;

beforeAll(async () => {
  source = await startMediaServer();
  platform = await startPlatform({
    OUTBOUND_ALLOW: source.host,
    DOWNLOAD_QUICK_TTL: `${TTL_SECONDS}s`,
    DOWNLOAD_RETRY_PAUSES: "1s,1s",
    DOWNLOAD_BILLING: "on",
    // Money is held for so much where a source does not say how much it has.
    DOWNLOAD_MAX_BYTES: "20000000",
  });
  database = await openBeside(platform);
  token = (await signIn(platform.address, ADMIN_PASSWORD)).accessToken;
  const prices = {
    micro_yuan_per_frame: 0,
    micro_yuan_per_gb_in: 1_000_000_000,
    micro_yuan_per_gb_out: 0,
  };
  await call("POST", "/api/v1/admin/prices", prices);
  const { id } = (await call("GET", "/api/v1/users/me")).body;
  const gift = { amount: BALANCE, reason: "a test" };
  await call("POST", `/api/v1/admin/users/${id}/adjust-balance`, gift);
  await until(hasYtDlp, 60_000);
});

afterAll(async () => {
  await database?.close();
  await platform?.remove();
  await source?.close();
});

const call = (method: string, path: string, json?: object) =>
  callAs(token, platform.address, method, path, json);

const hasYtDlp = async () => {
  const [found] = await ask<{ tools: string }>(database, "SELECT tools FROM worker_reports");
  return found!.tools.includes("yt-dlp");
};
const order = async (path: string, mode = "quick_download", playlist = false): Promise<number> => {
  const wish = { url: source.address + path, mode, playlist };
  const { status, body } = await call("POST", "/api/v1/download", wish);
  if (status !== 202) throw new Error(`it was not accepted: ${body.detail}`);
  return body.history_id;
};
const entry = async (id: number) => (await call("GET", `/api/v1/user/history/${id}`)).body;
const stands = (id: number, state: string) => async () => {
  const one = await entry(id);
  if (one.state === "failed") throw new Error(`it has failed: ${one.error_code}`);
  return one.state === state;
};

test("a worker that is killed half-way goes on where it was: one entry, one charge, the same bytes", async () => {
  const bytes = mediaBytes(12 * MiB);
  source.serve("/killed.mp4", bytes, { bytesPerTick: 64 * 1024 });
  const before = (await call("GET", "/api/v1/users/balance")).body.balance;

  const id = await order("/killed.mp4", "archive");
  await until(() => source.sent("/killed.mp4") > bytes.length / 2, 60_000);
  await platform.kill("worker");
  const sent = source.sent("/killed.mp4");
  await until(stands(id, "kept"), 90_000);

  const again = source.sent("/killed.mp4") - sent;
  console.log(`after the kill ${Math.round((100 * again) / bytes.length)} % were fetched`);
  expect(again).toBeLessThan(0.6 * bytes.length);
  const digest = createHash("sha256").update(bytes).digest("hex");
  expect(await entry(id)).toMatchObject({
    status: 2,
    file_size: bytes.length,
    sha256: digest,
    file_hash: createHash("md5").update(bytes).digest("hex"),
    tries: [{ number: 1, error_code: null }],
  });
  const file = await call("GET", `/api/v1/download/file?history_id=${id}`);
  expect(createHash("sha256").update(file.bytes).digest("hex")).toBe(digest);
  expect((await call("GET", "/api/v1/user/history")).body.total).toBe(1);
  // 12.58 MB at 1000 yuan a GB.
  const { balance } = (await call("GET", "/api/v1/users/balance")).body;
  expect((Number(before) - Number(balance)).toFixed(2)).toBe("12.59");
  const charges = await ask<{ state: string }>(database, "SELECT state FROM holds");
  expect(charges).toEqual([{ state: "captured" }]);
  await until(async () => (await readdir(join(platform.folder, "parts"))).length === 0);
});

test("what two want is fetched once and paid by both, and goes on for one when the other cancels it", async () => {
  const bytes = mediaBytes(6 * MiB);
  source.serve("/both.mp4", bytes, { bytesPerTick: 64 * 1024 });
  const sent = () => source.sent("/both.mp4");
  const balance = async () => Number((await call("GET", "/api/v1/users/balance")).body.balance);
  const before = await balance();

  const first = await order("/both.mp4");
  await until(() => sent() > bytes.length / 8, 60_000);
  const [second, third] = [await order("/both.mp4", "archive"), await order("/both.mp4?gclid=1")];
  await until(async () => (await entry(third)).title === "both", 30_000);
  expect((await call("POST", `/api/v1/user/history/${first}/cancel`)).status).toBe(202);
  // Until its workflow knows, it may be over before: then there is nothing to cancel.
  await until(async () => (await ask(database, "SELECT id FROM outbox_entries")).length === 0);
  await platform.kill("worker");
  await until(stands(second, "kept"), 60_000);
  await until(stands(third, "ready"), 60_000);

  console.log(`three orders sent ${Math.round((100 * sent()) / bytes.length)} % of one`);
  expect(sent()).toBeLessThan(1.6 * bytes.length);
  await until(async () => (await entry(first)).state === "failed", 60_000);
  expect(await entry(first)).toMatchObject({ error_code: "downloads/cancelled" });
  const digest = createHash("sha256").update(bytes).digest("hex");
  for (const id of [second, third]) {
    const file = await call("GET", `/api/v1/download/file?history_id=${id}`);
    expect(createHash("sha256").update(file.bytes).digest("hex")).toBe(digest);
    expect(await entry(id)).toMatchObject({ tries: [{ number: 1, error_code: null }] });
  }
  // 6.29 MB at 1000 yuan a GB, for each of the two.
  expect((before - (await balance())).toFixed(2)).toBe("12.60");
  await until(stands(third, "expired"), (TTL_SECONDS + 10) * 1000);
  const stored = await readdir(join(platform.folder, "objects"), { recursive: true });
  expect(stored.filter((name) => name.endsWith(".shared"))).toEqual([]);
  expect((await call("GET", `/api/v1/download/file?history_id=${second}`)).status).toBe(200);
});

test("a quick file is gone at its time, and right after the start when everything was down over it", async () => {
  source.serve("/short.mp4", mediaBytes(100_000));
  const first = await order("/short.mp4");
  await until(stands(first, "ready"), 60_000);
  const { expire_at } = await entry(first);
  await until(stands(first, "expired"), (TTL_SECONDS + 10) * 1000);
  const late = Date.now() - Date.parse(expire_at);

  const second = await order("/short.mp4");
  await until(stands(second, "ready"), 60_000);
  const file = await call("GET", `/api/v1/download/file?history_id=${second}`);
  const { expire_at: end, task_id } = await entry(second);
  await platform.crash();
  await sleep(Math.max(0, Date.parse(end) - Date.now()) + 1000);
  await platform.start();
  const refused = await call("GET", `/api/v1/download/file?history_id=${second}`);
  const startedAt = Date.now();
  await until(stands(second, "expired"), 30_000);

  console.log(`expired ${late} ms late, and ${Date.now() - startedAt} ms after the start`);
  expect(late).toBeLessThan(5_000);
  expect([file.status, refused.status]).toEqual([200, 403]);
  const stored = await readdir(join(platform.folder, "objects"), { recursive: true });
  expect(stored.filter((name) => name.includes(task_id))).toEqual([]);
});

/** A feed of two media, each of 2 MiB, so many bytes of which come every 50 ms. */
function serveList(name: string, bytesPerTick: number): string[] {
  const paths = [1, 2].map((at) => `/${name}-${at}.mp4`);
  for (const path of paths) source.serve(path, mediaBytes(2 * MiB), { bytesPerTick });
  const items = paths.map(
    (path) => `<item><title>${path}</title><enclosure url="${source.address}${path}"/></item>`,
  );
  const feed = `<rss version="2.0"><channel><title>${name}</title>${items.join("")}</channel></rss>`;
  source.serve(`/${name}.xml`, Buffer.from(feed), { contentType: "application/rss+xml" });
  return paths;
}
const childrenOf = async (id: number) =>
  (await call("GET", `/api/v1/user/history?parent_id=${id}`)).body.items;
const sentOf = (paths: string[]) => paths.reduce((sum, path) => sum + source.sent(path), 0);

test("a list comes to its end though its worker is killed, and cancelled it takes with it what is on it", async () => {
  await until(hasYtDlp, 60_000);
  const paths = serveList("list", 48 * 1024);
  const list = await order("/list.xml", "quick_download", true);
  await until(() => sentOf(paths) > MiB, 60_000);
  await platform.kill("worker");
  await until(stands(list, "kept"), 90_000);
  const whole = await childrenOf(list);

  const others = serveList("others", 2 * 1024);
  const cancelled = await order("/others.xml", "quick_download", true);
  await until(() => sentOf(others) > 0, 60_000);
  expect((await call("POST", `/api/v1/user/history/${cancelled}/cancel`)).status).toBe(202);
  await until(async () => (await entry(cancelled)).state === "failed", 60_000);
  const hasEnded = async () =>
    (await childrenOf(cancelled)).every(({ state }: { state: string }) => state === "failed");
  await until(hasEnded, 60_000);

  expect((await entry(list)).children).toMatchObject({ total: 2, done: 2, failed: 0 });
  expect(whole).toHaveLength(2);
  expect(sentOf(paths)).toBeLessThan(1.6 * 4 * MiB);
  expect(await entry(cancelled)).toMatchObject({ error_code: "downloads/cancelled" });
  expect(await ask(database, "SELECT id FROM holds WHERE state = 'open'")).toEqual([]);
  await until(async () => (await readdir(join(platform.folder, "parts"))).length === 0, 30_000);
});
