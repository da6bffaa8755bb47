import { WorkflowNotFoundError } from "@temporalio/client";
import { describe, expect, test } from "vitest";
import type { DownloadState } from "../../../domain/downloads.ts";
import { Download, DownloadAttempt } from "../../../models/downloads/index.ts";
import { OutboxEntry } from "../../../models/operations.ts";
import { ADMIN, startApi, STRANGER } from "../../support/api.ts";
import { makeDownload } from "../../support/downloads.ts";

const PATH = "/api/v1/user/history";
const at = (day: number) => ({ createdAt: new Date(Date.UTC(2026, 10, day, 4)) });
const gone = () => {
  throw new WorkflowNotFoundError("workflow not found", "id", undefined);
};

describe("GET /api/v1/user/history", () => {
  test("lists one's own page by page, by the contract's filters", async () => {
    const api = await startApi();
    const [a, b, c, d] = [
      await makeDownload({ state: "kept", platform: "youtube", bytes: 10, ...at(1) }),
      await makeDownload({ state: "queued", bytes: null, ...at(2) }),
      await makeDownload({ state: "ready", bytes: 30, ...at(3) }),
      await makeDownload({ state: "failed", bytes: 20, platform: "tiktok", ...at(4) }),
    ];
    await makeDownload({ accountId: STRANGER.accountId });
    await makeDownload({ deletedAt: new Date() });
    const list = async (query: string) => {
      const { body } = await api.call(ADMIN, "GET", `${PATH}?${query}`);
      return body.items.map(({ history_id }: { history_id: number }) => history_id);
    };
    const [A, B, C, D] = [a.serial, b.serial, c.serial, d.serial];

    expect((await api.call(ADMIN, "GET", `${PATH}?page=2&page_size=3`)).body).toMatchObject({
      total: 4,
      page: 2,
      page_size: 3,
      items: [{ history_id: A, status: 2, state: "kept" }],
    });
    expect(await list("status=0")).toEqual([D, C, B, A]);
    expect(await list("status=4")).toEqual([C]);
    expect(await list("state=queued")).toEqual([B]);
    expect(await list("platform=youtube")).toEqual([A]);
    expect(await list("start_date=2026-11-02&end_date=2026-11-03")).toEqual([C, B]);
    expect(await list("start_date=2026-11-02%2012:00:00&end_date=2026-11-03T04:00:00Z")).toEqual([
      B,
    ]);
    expect(await list("sort_by=file_size&sort_order=asc")).toEqual([B, A, D, C]);
    expect(await list("sort_by=status&sort_order=asc")).toEqual([B, A, D, C]);
    expect(await list("sort_order=asc&page_size=1")).toEqual([A]);
    for (const wrong of ["page_size=101", "start_date=2026-02-30", "end_date=yesterday"]) {
      expect((await api.call(ADMIN, "GET", `${PATH}?${wrong}`)).status).toBe(422);
    }
  });
});

describe("GET /api/v1/user/history of lists", () => {
  test("has a list with how its media stand, which are listed by its number and count instead of it", async () => {
    const api = await startApi();
    const list = await makeDownload({ kind: "playlist", state: "working", isTruncated: true });
    const of = { parentId: list.id };
    await makeDownload({ ...of, position: 1, state: "ready", bytes: 7 });
    await makeDownload({ ...of, position: 2, state: "failed" });
    const third = await makeDownload({ ...of, position: 3, state: "queued", isHeldBack: true });
    const foreign = await makeDownload({ kind: "playlist", accountId: STRANGER.accountId });

    const all = await api.call(ADMIN, "GET", PATH);
    const listed = await api.call(ADMIN, "GET", `${PATH}?parent_id=${list.serial}`);
    const theirs = await api.call(ADMIN, "GET", `${PATH}?parent_id=${foreign.serial}`);
    const stats = await api.call(ADMIN, "GET", "/api/v1/user/stats");
    const file = await api.call(ADMIN, "GET", `/api/v1/download/file?history_id=${list.serial}`);

    const children = { total: 3, done: 1, failed: 1, truncated: true };
    expect(all.body).toMatchObject({ total: 1, items: [{ kind: "playlist", children }] });
    expect(listed.body).toMatchObject({
      total: 3,
      items: [
        { history_id: third.serial, parent_task_id: list.id, position: 3, children: null },
        { position: 2 },
        { position: 1 },
      ],
    });
    expect([theirs.status, file.status]).toEqual([404, 403]);
    expect(stats.body).toMatchObject({
      total_downloads: 3,
      success_downloads: 1,
      failed_downloads: 1,
    });
  });

  test("refuses to try again what nothing is fetched from", async () => {
    const api = await startApi();
    const { serial } = await makeDownload({
      parentId: (await makeDownload({ kind: "playlist" })).id,
      position: 1,
      state: "failed",
      url: "http://127.0.0.1/inside.mp4",
      errorCode: "downloads/address-refused",
    });

    const answer = await api.call(ADMIN, "POST", `${PATH}/${serial}/retry`);

    expect(answer).toMatchObject({ status: 400, body: { code: "downloads/address-refused" } });
  });
});

describe("GET /api/v1/user/history/:history_id", () => {
  test("shows each try, and a stranger's as if it had never been", async () => {
    const api = await startApi();
    const own = await makeDownload({
      state: "working",
      waitingFor: "retry",
      nextTryAt: new Date("2026-11-21T12:00:00Z"),
      durationMs: 12_345,
    });
    await DownloadAttempt.create({
      downloadId: own.id,
      number: 1,
      toolVersion: "2026.10.26",
      failureClass: "proxy",
      errorCode: "downloads/proxy-away",
      error: "The proxy could not be reached.",
      startedAt: new Date(),
      endedAt: new Date(),
    });

    expect(await api.call(ADMIN, "GET", `${PATH}/${own.serial}`)).toMatchObject({
      status: 200,
      body: {
        status: 1,
        state: "working",
        waiting_for: "retry",
        next_try_at: "2026-11-21T20:00:00.000+08:00",
        duration: 12.345,
        tries: [{ number: 1, failure_class: "proxy", yt_dlp: "2026.10.26" }],
      },
    });
    expect(await api.call(STRANGER, "GET", `${PATH}/${own.serial}`)).toMatchObject({
      status: 403,
    });
    const { id: accountId } = { id: STRANGER.accountId };
    const theirs = await makeDownload({ accountId });
    expect(await api.call(ADMIN, "GET", `${PATH}/${theirs.serial}`)).toMatchObject({
      status: 404,
      body: { code: "downloads/not-found" },
    });
  });
});

describe("POST /api/v1/user/history/:history_id/cancel", () => {
  test.each<[DownloadState, number]>([
    ["queued", 202],
    ["working", 202],
    ["ready", 409],
    ["failed", 409],
  ])("of one that is %s answers %i", async (state, status) => {
    const api = await startApi();
    const { id, serial } = await makeDownload({ state });

    const answer = await api.call(ADMIN, "POST", `${PATH}/${serial}/cancel`);

    expect(answer.status).toBe(status);
    const told = status === 202 ? [{ update: "cancelDownload", argument: { life: 0 } }] : [];
    expect((await OutboxEntry.findAll()).map(({ command }) => command)).toMatchObject(told);
    expect((await Download.findByPk(id))!.state).toBe(state);
  });
});

describe("POST /api/v1/user/history/:history_id/retry", () => {
  test("begins a failed one anew, and lets one that waits go on", async () => {
    const api = await startApi();
    const failed = await makeDownload({ state: "failed", errorCode: "downloads/cancelled" });
    const waiting = await makeDownload({ state: "working", waitingFor: "retry" });
    const ready = await makeDownload({ state: "ready" });
    const retry = ({ serial }: Download) => api.call(ADMIN, "POST", `${PATH}/${serial}/retry`);

    expect(await retry(failed)).toMatchObject({
      status: 202,
      body: { state: "queued", error_code: null },
    });
    // What winds up the last life is told as well; what is told from now on is for the next.
    await api.call(ADMIN, "POST", `${PATH}/${failed.serial}/cancel`);
    const told = await OutboxEntry.findAll({ order: [["id", "ASC"]] });
    expect(told.map(({ command }) => command)).toMatchObject([
      { update: "beginAgain", argument: { life: 1 } },
      { update: "cancelDownload", argument: { life: 1 } },
    ]);
    expect((await retry(waiting)).status).toBe(202);
    expect(api.temporal.calls).toMatchObject([
      { method: "executeUpdate", name: "tryDownloadNow", workflowId: `download/${waiting.id}` },
    ]);
    expect(await retry(ready)).toMatchObject({
      status: 409,
      body: { code: "downloads/not-retryable" },
    });
  });
});

describe("POST /api/v1/user/history/:history_id/extend", () => {
  test("moves the end, up to a limit; what is over has none", async () => {
    const api = await startApi();
    const { serial } = await makeDownload({ state: "ready" });
    const end = Date.UTC(2026, 10, 22);
    api.temporal.answerWith(() => end);
    const extend = (json: object) => api.call(ADMIN, "POST", `${PATH}/${serial}/extend`, { json });

    expect(await extend({ seconds: 3600 })).toMatchObject({
      status: 200,
      body: { history_id: serial, expire_at: "2026-11-22T08:00:00.000+08:00" },
    });
    expect(api.temporal.calls).toMatchObject([
      { name: "extendDownload", args: [{ seconds: 3600 }] },
    ]);
    expect((await api.call(ADMIN, "POST", `${PATH}/${serial}/extend`)).status).toBe(200);
    expect((await extend({ seconds: 31 * 86_400 })).status).toBe(422);
    api.temporal.answerWith(gone);
    expect(await extend({})).toMatchObject({ status: 409, body: { code: "downloads/not-ready" } });
  });
});

describe("POST /api/v1/user/history/:history_id/keep", () => {
  test("is told to the workflow once; what is kept is kept", async () => {
    const api = await startApi();
    const ready = await makeDownload({ state: "ready" });
    const kept = await makeDownload({ state: "kept" });
    const keep = ({ serial }: Download) => api.call(ADMIN, "POST", `${PATH}/${serial}/keep`);

    expect((await keep(ready)).status).toBe(200);
    expect((await keep(kept)).body).toMatchObject({ state: "kept", status: 2 });
    expect(api.temporal.calls).toMatchObject([{ name: "keepDownload" }]);
  });
});

describe("DELETE /api/v1/user/history/:history_id", () => {
  test("takes it out of the history, and has its file removed", async () => {
    const api = await startApi();
    const { serial } = await makeDownload({ state: "working" });
    const remove = () => api.call(ADMIN, "DELETE", `${PATH}/${serial}`);

    expect((await remove()).status).toBe(200);
    expect(await remove()).toMatchObject({ status: 404, body: { code: "downloads/not-found" } });
    expect((await OutboxEntry.findAll()).map(({ command }) => command)).toMatchObject([
      { update: "removeDownload" },
    ]);
  });
});

describe("GET /api/v1/user/quota", () => {
  test("begins anew at midnight in Shanghai", async () => {
    const api = await startApi();

    const { body } = await api.call(ADMIN, "GET", "/api/v1/user/quota");

    expect(body).toMatchObject({ daily_limit: 10, daily_used: 0, remaining: 10 });
    expect(body.reset_at).toMatch(/T00:00:00\.000\+08:00$/);
    expect(Date.parse(body.reset_at)).toBeGreaterThan(Date.now());
  });
});

describe("GET /api/v1/user/stats", () => {
  test("counts what was fetched, whatever has become of it", async () => {
    const api = await startApi();
    await makeDownload({ state: "kept", platform: "youtube", bytes: 10 });
    await makeDownload({ state: "ready", platform: "youtube", bytes: 20 });
    await makeDownload({ state: "expired", bytes: 30 });
    await makeDownload({ state: "failed" });
    await makeDownload({ state: "kept", bytes: 5, accountId: STRANGER.accountId });

    const { body } = await api.call(ADMIN, "GET", "/api/v1/user/stats");

    expect(body).toMatchObject({
      total_downloads: 4,
      success_downloads: 3,
      failed_downloads: 1,
      total_size_bytes: 60,
      top_platforms: [{ count: 2 }, { count: 2 }],
      recent_activity: [{ count: 4 }],
    });
  });
});
