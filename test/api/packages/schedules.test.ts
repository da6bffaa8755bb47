import { ScheduleNotFoundError } from "@temporalio/client";
import { describe, expect, test } from "vitest";
import { OutboxEntry } from "../../../models/operations.ts";
import { PackageRun, PackageSchedule } from "../../../models/packages/index.ts";
import { ADMIN, startApi, STRANGER } from "../../support/api.ts";
import { publishByHand, uploadPackage } from "../../support/packages.ts";

const PATH = "/api/v1/packages";
const EVERY_HOUR = { interval_seconds: 3600 };

/** A package with a live version. */
async function startPublished() {
  const api = await startApi();
  const { body } = await uploadPackage(api);
  await publishByHand(api, body.id, "1.0.0");
  api.temporal.answerWith(({ name = "" }) => {
    throw new ScheduleNotFoundError("there is none", name);
  });
  const ask = (method: string, verb = "", json?: object, actor = ADMIN) =>
    api.call(actor, method, `${PATH}/${body.id}/schedule${verb}`, json ? { json } : {});
  return { api, id: body.id as string, ask };
}

const told = async () =>
  (await OutboxEntry.findAll()).filter(({ command }) => command?.update === "followSchedule")
    .length;

describe("PUT /api/v1/packages/:id/schedule", () => {
  test("sets a schedule that the package's workflow brings to Temporal", async () => {
    const { ask } = await startPublished();

    const answer = await ask("PUT", "", { ...EVERY_HOUR, channel: "release" });

    expect(answer).toMatchObject({
      status: 200,
      body: {
        interval_seconds: 3600,
        channel: "stable",
        paused: false,
        state: "pending",
        next_runs: [],
        last_run: null,
        set_by: "admin",
      },
    });
    expect(await told()).toBe(1);
  });

  test("refuses intervals under a minute, and those who may not publish", async () => {
    const { ask } = await startPublished();

    const short = await ask("PUT", "", { interval_seconds: 59 });

    expect(short).toMatchObject({ status: 422, body: { issues: [{ path: "interval_seconds" }] } });
    expect((await ask("PUT", "", EVERY_HOUR, STRANGER)).status).toBe(403);
    expect(await PackageSchedule.count()).toBe(0);
  });
});

describe("GET /api/v1/packages/:id/schedule", () => {
  test("shows what Temporal keeps, and when it comes next", async () => {
    const { api, ask } = await startPublished();
    await ask("PUT", "", EVERY_HOUR);
    const next = new Date(Date.now() + 3_600_000);
    api.temporal.answerWith(() => ({
      spec: { intervals: [{ every: 3_600_000, offset: 0 }] },
      state: { paused: false },
      info: {
        nextActionTimes: [next],
        numActionsSkippedOverlap: 2,
        numActionsMissedCatchupWindow: 3,
      },
    }));

    const { body } = await ask("GET");

    expect(body).toMatchObject({
      state: "applied",
      next_runs: [next.toISOString()],
      skipped: 2,
      missed: 3,
    });
  });

  test("answers while Temporal is away, and says so", async () => {
    const { api, ask } = await startPublished();
    await ask("PUT", "", EVERY_HOUR);
    api.temporal.answerWith(() => {
      throw new Error("no connection");
    });

    expect((await ask("GET")).body).toMatchObject({ state: "unreachable", interval_seconds: 3600 });
  });

  test("is not found when there is none", async () => {
    const { ask } = await startPublished();

    expect(await ask("GET")).toMatchObject({
      status: 404,
      body: { code: "packages/no-schedule" },
    });
  });
});

describe("POST /api/v1/packages/:id/schedule/pause", () => {
  test("stops the ticks; said twice it is told once", async () => {
    const { ask } = await startPublished();
    await ask("PUT", "", EVERY_HOUR);

    const answer = await ask("POST", "/pause");
    await ask("POST", "/pause");

    expect(answer).toMatchObject({ status: 200, body: { paused: true, next_runs: [] } });
    expect(await told()).toBe(2);
    expect((await ask("POST", "/pause", undefined, STRANGER)).status).toBe(403);
  });
});

describe("POST /api/v1/packages/:id/schedule/resume", () => {
  test("goes on, and is not found without a schedule", async () => {
    const { ask } = await startPublished();
    expect((await ask("POST", "/resume")).status).toBe(404);
    await ask("PUT", "", { ...EVERY_HOUR, paused: true });

    expect(await ask("POST", "/resume")).toMatchObject({ status: 200, body: { paused: false } });
  });
});

describe("POST /api/v1/packages/:id/schedule/run", () => {
  test("builds now, paused or not, and refuses while that is under way", async () => {
    const { ask } = await startPublished();
    expect((await ask("POST", "/run")).status).toBe(404);
    await ask("PUT", "", { ...EVERY_HOUR, paused: true });

    const answer = await ask("POST", "/run");
    const again = await ask("POST", "/run");

    expect(answer).toMatchObject({
      status: 202,
      body: { run: { kind: "rebuild", version: "1.0.0", status: "queued" } },
    });
    expect(again).toMatchObject({ status: 409, body: { code: "packages/run-under-way" } });
    expect(await PackageRun.count({ where: { kind: "rebuild" } })).toBe(1);
    expect((await ask("GET")).body.last_run).toMatchObject({ id: answer.body.run.id });
  });
});

describe("POST /api/v1/packages/:id/schedule/run without anything to build", () => {
  test("says so, instead of a run that would be under way", async () => {
    const { ask } = await startPublished();
    await PackageRun.update({ state: "succeeded" }, { where: {} });
    await ask("PUT", "", { ...EVERY_HOUR, channel: "beta" });

    expect(await ask("POST", "/run")).toMatchObject({
      status: 409,
      body: { code: "packages/version-not-ready", detail: expect.stringContaining("beta") },
    });
  });
});

describe("DELETE /api/v1/packages/:id/schedule", () => {
  test("removes it; there is none to be removed again", async () => {
    const { ask } = await startPublished();
    await ask("PUT", "", EVERY_HOUR);

    const answer = await ask("DELETE");

    expect(answer).toMatchObject({ status: 200, body: { success: true } });
    expect(await told()).toBe(2);
    expect((await ask("DELETE")).body.code).toBe("packages/no-schedule");
  });
});
