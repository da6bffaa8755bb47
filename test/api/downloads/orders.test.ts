import { TimeoutFailure, WorkflowFailedError } from "@temporalio/client";
import { describe, expect, test } from "vitest";
import { ADMIN, NOBODY, startApi } from "../../support/api.ts";
import { startWithFetcher } from "../../support/downloads.ts";
import { adjust } from "../../support/ledger.ts";
import { noteDisk } from "../../../models/disks/index.ts";
import { Download, keepParse, addressHash } from "../../../models/downloads/index.ts";
import { IdempotencyKey, OutboxEntry } from "../../../models/operations.ts";
import { setPrices } from "../../../models/billing/index.ts";
import { sha256 } from "../../../platform/crypto.ts";
import { FIRST_PRICES } from "../../../domain/billing.ts";
import { refusal } from "../../../domain/errors.ts";

const START = "/api/v1/download";
const url = "http://source.test/clip.mp4";
const FACTS = {
  id: "clip",
  title: "A clip",
  description: null,
  durationSeconds: 12.5,
  thumbnail: null,
  author: "Ann",
  uploadDate: "20261121",
  views: 3,
  extractor: "Generic",
  bytes: 5_000_000,
  formats: [
    {
      id: "137",
      extension: "mp4",
      note: null,
      bytes: 4_000_000,
      height: 1080,
      width: 1920,
      fps: 29.97,
      videoCodec: "avc1",
      audioCodec: null,
      videoRate: 4000.5,
      audioRate: null,
      sampleRate: null,
    },
  ],
};
const keep = (database: Parameters<typeof keepParse>[0]) =>
  keepParse(database, {
    addressHash: addressHash(url),
    facts: JSON.stringify(FACTS),
    source: "{}",
    toolVersion: "2026.10.26",
  });

/** What is refused before anything is fetched, and why. */
const REFUSED = [
  "ftp://source.test/clip.mp4",
  "file:///etc/passwd",
  "clip.mp4",
  "http://user:secret@source.test/clip.mp4",
  "http://127.0.0.1/clip.mp4",
  "http://2130706433/clip.mp4",
  "http://0x7f.1/clip.mp4",
  "http://[::ffff:10.0.0.1]/clip.mp4",
  "http://169.254.169.254/latest/meta-data",
  "http://localhost/clip.mp4",
  "--exec=id",
];

describe("POST /api/v1/download", () => {
  test("takes an order, which its workflow hears of after the commit; the same key never orders twice", async () => {
    const api = await startWithFetcher();
    const headers = { "Idempotency-Key": "one" };
    const json = {
      url,
      mode: "archive",
      quality: "1080p",
      selected_format: { format_id: "137+140", extra: 1 },
    };

    const {
      status,
      body,
      headers: answered,
    } = await api.call(ADMIN, "POST", START, { json, headers });
    await IdempotencyKey.destroy({ where: {} });
    const again = await api.call(ADMIN, "POST", START, { json, headers });

    expect(status).toBe(202);
    expect(body).toEqual({ task_id: expect.any(String), history_id: 1001, estimated_time: 90 });
    expect(answered.get("Location")).toBe("/api/v1/user/history/1001");
    expect(again.body).toEqual(body);
    expect(await Download.findAll()).toMatchObject([
      { id: body.task_id, state: "queued", mode: "archive", quality: "1080p", formatId: "137+140" },
    ]);
    expect(await OutboxEntry.findAll()).toMatchObject([
      {
        workflow: "download",
        workflowId: `download/${body.task_id}`,
        input: { downloadId: body.task_id },
      },
    ]);
    await IdempotencyKey.destroy({ where: {} });
    const other = await api.call(ADMIN, "POST", START, { json: { url }, headers });
    expect(other).toMatchObject({ status: 422, body: { code: "operations/idempotency-mismatch" } });
  });

  test("takes a list as one order, which uses nothing of the quota and has no format of its own", async () => {
    const api = await startWithFetcher({ env: { DOWNLOAD_DAILY_QUOTA: "0" } });

    const taken = await api.call(ADMIN, "POST", START, { json: { url, playlist: true } });
    const json = { url, playlist: true, format_id: "137" };
    const refused = await api.call(ADMIN, "POST", START, { json });
    const single = await api.call(ADMIN, "POST", START, { json: { url } });

    expect([taken.status, refused.status, single.status]).toEqual([202, 422, 403]);
    expect(await Download.findAll()).toMatchObject([{ kind: "playlist", state: "queued" }]);
    expect(await OutboxEntry.findAll()).toMatchObject([
      { workflow: "playlist", workflowId: `download/${taken.body.task_id}` },
    ]);
  });

  test("refuses addresses that nothing is fetched from", async () => {
    const api = await startWithFetcher();
    const answers = await Promise.all(
      REFUSED.map((wrong) => api.call(ADMIN, "POST", START, { json: { url: wrong } })),
    );

    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
      REFUSED.map(() => [400, "downloads/address-refused"]),
    );
    expect(await Download.count()).toBe(0);
  });

  test.each([
    [{ mode: "forever" }],
    [{ quality: "--exec=id" }],
    [{ format: "exe" }],
    [{ format_id: "137; id" }],
    [{ url: "" }],
    [{ options: ["--exec"] }],
  ])("refuses %j", async (wrong) => {
    const api = await startWithFetcher();

    const answer = await api.call(ADMIN, "POST", START, { json: { url, ...wrong } });

    expect(answer).toMatchObject({ status: 422, body: { code: "request/invalid" } });
  });

  test("says so where there is no yt-dlp, no room, or nobody signed in", async () => {
    const json = { url };
    const without = await startApi({ env: { OUTBOUND_ALLOW: "source.test" } });
    const answer = await without.call(ADMIN, "POST", START, { json });
    const full = await startWithFetcher({ env: { DISK_LIMIT_PERCENT: "0" } });

    expect(answer).toMatchObject({ status: 503, body: { code: "downloads/tool-missing" } });
    expect(await full.call(ADMIN, "POST", START, { json })).toMatchObject({
      status: 507,
      body: { code: "downloads/disk-full" },
    });
    const room = await startWithFetcher();
    await noteDisk(room.services.database, {
      id: sha256("disk"),
      name: "the worker's",
      capacityBytes: 100,
      usedBytes: 100,
    });
    expect(await room.call(ADMIN, "POST", START, { json })).toMatchObject({ status: 507 });
    expect((await full.call(NOBODY, "POST", START, { json })).status).toBe(401);
  });

  test("counts a day's orders, however many come at once", async () => {
    const api = await startWithFetcher({ env: { DOWNLOAD_DAILY_QUOTA: "3" } });
    const orders = Array.from({ length: 6 }, () =>
      api.call(ADMIN, "POST", START, { json: { url } }),
    );

    const statuses = (await Promise.all(orders)).map(({ status }) => status);
    statuses.sort((a, b) => a - b);
    const refused = await api.call(ADMIN, "POST", START, { json: { url } });

    expect(statuses).toEqual([202, 202, 202, 403, 403, 403]);
    expect(refused.body).toMatchObject({
      code: "downloads/quota-exceeded",
      detail: "quota exceeded, please try again tomorrow",
    });
    expect((await api.call(ADMIN, "GET", "/api/v1/user/quota")).body).toMatchObject({
      daily_limit: 3,
      daily_used: 3,
      remaining: 0,
    });
  });

  test("the order that used up the quota stands, also for who asks for it again", async () => {
    const api = await startWithFetcher({ env: { DOWNLOAD_DAILY_QUOTA: "1" } });
    const order = () =>
      api.call(ADMIN, "POST", START, { json: { url }, headers: { "Idempotency-Key": "one" } });
    const { body } = await order();
    await IdempotencyKey.destroy({ where: {} });

    expect(await order()).toMatchObject({ status: 202, body });
    expect((await api.call(ADMIN, "GET", "/api/v1/user/quota")).body).toMatchObject({
      daily_used: 1,
    });
  });

  test("where it is charged for, is for who can pay", async () => {
    const api = await startWithFetcher({
      env: { DOWNLOAD_BILLING: "on", DOWNLOAD_DAILY_QUOTA: "0" },
    });
    await setPrices(
      api.services.database,
      { ...FIRST_PRICES, microYuanPerGbIn: 1_000_000 },
      { actor: ADMIN },
    );

    const answer = await api.call(ADMIN, "POST", START, { json: { url } });

    expect(answer).toMatchObject({
      status: 403,
      body: { code: "downloads/insufficient-balance", detail: "余额不足" },
    });
  });

  test("where it is charged for, the format that is wanted counts, not the best there is", async () => {
    const api = await startWithFetcher({ env: { DOWNLOAD_BILLING: "on" } });
    const { database } = api.services;
    const prices = { ...FIRST_PRICES, microYuanPerGbIn: 1_000_000_000 };
    await setPrices(database, prices, { actor: ADMIN });
    await keep(database);
    await adjust(database, ADMIN.accountId, 400);

    const order = (json: object) => api.call(ADMIN, "POST", START, { json: { url, ...json } });

    expect((await order({})).body).toMatchObject({ code: "downloads/insufficient-balance" });
    expect((await order({ format_id: "137" })).status).toBe(202);
  });
});

describe("POST /api/v1/parse", () => {
  const PARSE = "/api/v1/parse";

  test("shows what the source said within the hour, without what only tracks people", async () => {
    const api = await startWithFetcher();
    await keep(api.services.database);

    const { status, body } = await api.call(ADMIN, "POST", PARSE, {
      json: { url: `${url}?utm_source=mail&fbclid=1` },
    });

    expect(status).toBe(200);
    expect(body).toMatchObject({
      video_id: "clip",
      platform: "generic",
      title: "A clip",
      duration: 12.5,
      formats: [{ format_id: "137", quality: "1080p", filesize: 4_000_000, fps: 29.97 }],
    });
    expect(api.temporal.calls).toEqual([]);
  });

  test("has a worker ask the source otherwise; of the address a history shows the host alone", async () => {
    const api = await startWithFetcher();
    api.temporal.answerWith(() => keep(api.services.database));

    const { status } = await api.call(ADMIN, "POST", PARSE, { json: { url } });
    await api.call(ADMIN, "POST", PARSE, { json: { url, skip_cache: true } });

    expect(status).toBe(200);
    expect(api.temporal.calls).toMatchObject([
      { method: "execute", name: "mediaParse", workflowId: `parse/${addressHash(url)}` },
      { method: "execute" },
    ]);
    expect(JSON.stringify(api.temporal.calls.map(({ args }) => args))).not.toContain("clip.mp4");
  });

  test("says what a source that has nothing says", async () => {
    const api = await startWithFetcher();
    api.temporal.answerWith(() => {
      throw refusal("downloads/source-private", "Its owner keeps it private.");
    });

    const answer = await api.call(ADMIN, "POST", PARSE, { json: { url } });
    const refused = await api.call(ADMIN, "POST", PARSE, { json: { url: "http://10.0.0.1/" } });

    api.temporal.answerWith(() => {
      const late = new TimeoutFailure("workflow timed out", undefined, "START_TO_CLOSE");
      throw new WorkflowFailedError("Workflow execution timed out", late, "TIMEOUT");
    });
    const silent = await api.call(ADMIN, "POST", PARSE, { json: { url } });

    expect(silent).toMatchObject({ status: 502, body: { code: "downloads/source-away" } });
    expect(answer).toMatchObject({ status: 403, body: { code: "downloads/source-private" } });
    expect(refused).toMatchObject({ status: 400, body: { code: "downloads/address-refused" } });
  });
});
