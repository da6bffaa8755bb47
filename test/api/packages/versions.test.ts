import { describe, expect, test } from "vitest";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import { inTransaction } from "../../../models/database.ts";
import { PackageRun, PackageVersion, takeTurn } from "../../../models/packages/index.ts";
import { ADMIN, startApi, type StartedApi } from "../../support/api.ts";
import {
  makeReady,
  publishByHand,
  uploadForm,
  uploadPackage,
  zipOf,
} from "../../support/packages.ts";

const PATH = "/api/v1/packages";
const HOUR_MS = 3_600_000;

async function startWith(versions: Record<string, Record<string, string>>) {
  const api = await startApi();
  const { body } = await uploadPackage(api, { version: "0" });
  const bytes = new Map<string, Buffer>();
  for (const [version, fields] of Object.entries(versions)) {
    bytes.set(version, await zipOf({ version }));
    const form = uploadForm({ version, ...fields }, { bytes: bytes.get(version)! });
    await api.call(ADMIN, "POST", `${PATH}/${body.id}/versions`, { form });
  }
  const act = (method: string, version: string, verb: string, json: object = {}) =>
    api.call(ADMIN, method, `${PATH}/${body.id}/versions/${version}${verb}`, { json });
  return { api, id: body.id as string, bytes, act };
}

const rowOf = (version: string) =>
  PackageVersion.findOne({ where: { version }, rejectOnEmpty: true });
const told = async (id: string) => (await OutboxEntry.findByPk(id))?.command;
const linkOf = async (api: StartedApi, id: string) => {
  const response = await fetch(new URL(`/dist/${id}/release.zip`, api.address));
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
};

describe("PATCH /api/v1/packages/:id/versions/:version", () => {
  test("changes the notes, and the audit keeps what they were", async () => {
    const { act } = await startWith({ "1": { description: "old" } });

    const answer = await act("PATCH", "1", "", { description: "new" });
    await act("PATCH", "1", "", { description: "new" });

    expect(answer).toMatchObject({ status: 200, body: { version: "1", description: "new" } });
    expect(
      await AuditEntry.findAll({ where: { action: "packages.version-changed" } }),
    ).toMatchObject([
      { before: { description: "old" }, after: { version: "1", description: "new" } },
    ]);
  });
});

describe("POST /api/v1/packages/:id/versions/:version/publish", () => {
  test("a draft takes its publication number when it is published, not when it is uploaded", async () => {
    const { api, act } = await startWith({ "1": { draft: "true" }, "2": {} });
    await makeReady(api, { version: "1" });

    const answer = await act("POST", "1", "/publish");

    expect(answer).toMatchObject({ status: 202, body: { run: { kind: "publish", version: "1" } } });
    const numbers = (await PackageRun.findAll({ order: [["createdAt", "ASC"]] })).map(
      ({ kind, number }) => `${kind} ${number}`,
    );
    expect(numbers).toEqual(["upload 1", "upload 0", "upload 2", "publish 3"]);
    expect(await told(answer.body.run.id)).toMatchObject({
      update: "publishVersion",
      argument: { number: 3, kind: "publish" },
    });
    expect(await rowOf("1")).toMatchObject({ isDraft: false });
    expect((await act("POST", "1", "/publish")).body.code).toBe("packages/version-not-draft");
  });

  test("at a time, it stays a draft until then, says when, and the last word counts", async () => {
    const { api, act, id } = await startWith({ "1": { draft: "true" } });
    await makeReady(api, { version: "1" });
    const at = (hours: number) => new Date(Date.now() + hours * HOUR_MS).toISOString();
    const [first, second] = [at(1), at(2)];

    await act("POST", "1", "/publish", { at: first });
    const answer = await act("POST", "1", "/publish", { at: second });

    expect(answer.body.run).toMatchObject({ status: "queued", publish_at: second });
    expect(await told(answer.body.run.id)).toMatchObject({
      argument: { number: 0, publishAt: Date.parse(second) },
    });
    const { body } = await api.call(ADMIN, "GET", `${PATH}/${id}/versions`);
    expect(body.items[0]).toMatchObject({ version: "1", draft: true, publish_at: second });
    await act("POST", "1", "/publish");
    expect(await rowOf("1")).toMatchObject({ isDraft: false, publishAt: null });
  });

  test("at the same time again, it waits for that time all the same", async () => {
    const { api, act } = await startWith({ "1": { draft: "true" } });
    await makeReady(api, { version: "1" });
    const at = new Date(Date.now() + HOUR_MS).toISOString();

    const runs = [];
    for (let times = 0; times < 2; times++) {
      runs.push((await act("POST", "1", "/publish", { at })).body.run.id as string);
    }
    const turnOf = (runId: string) =>
      inTransaction(api.services.database, (transaction) => takeTurn(runId, transaction));

    // The workflow asks for the first one's turn as soon as it hears of the second.
    expect(await turnOf(runs[0]!)).toEqual({ number: 0, end: "cancelled" });
    expect(await rowOf("1")).toMatchObject({ isDraft: true, publishAt: new Date(at) });
    expect(await turnOf(runs[1]!)).toEqual({ number: 2 });
  });

  test("refuses what is not built yet, what was yanked, and a time that is too far away", async () => {
    const { api, act } = await startWith({ "1": { draft: "true" }, "2": { draft: "true" } });
    expect((await act("POST", "1", "/publish")).body.code).toBe("packages/version-not-ready");
    for (const version of ["1", "2"]) await makeReady(api, { version });
    await act("POST", "2", "/yank", { reason: "bad" });

    const far = await act("POST", "1", "/publish", { at: "2999-01-01T00:00:00Z" });

    expect(far).toMatchObject({ status: 422, body: { issues: [{ path: "at" }] } });
    expect((await act("POST", "2", "/publish")).status).toBe(410);
  });

  test("a draft cannot be rolled back to, for that would publish it", async () => {
    const { api, id } = await startWith({ "1": { draft: "true" } });
    await makeReady(api, { version: "1" });

    const answer = await api.call(ADMIN, "POST", `${PATH}/${id}/rollback`, {
      json: { version: "1" },
    });

    expect(answer).toMatchObject({ status: 409, body: { code: "packages/version-not-ready" } });
  });
});

describe("POST /api/v1/packages/:id/versions/:version/yank", () => {
  test("the live version's link answers 410 from that moment on", async () => {
    const { api, act, id } = await startWith({ "1": {}, "2": {} });
    for (const version of ["1", "2"]) await publishByHand(api, id, version);

    const answer = await act("POST", "2", "/yank", { reason: "crashes" });

    expect(answer).toMatchObject({
      status: 202,
      body: { live_version: null, download_url: null, run: { kind: "yank", version: "2" } },
    });
    expect((await linkOf(api, id)).status).toBe(410);
    expect(await told(answer.body.run.id)).toMatchObject({
      update: "yankVersion",
      argument: { yank: { number: 0 }, fallback: null },
    });
    expect(
      await AuditEntry.findOne({ where: { action: "packages.version-yanked" } }),
    ).toMatchObject({
      after: { version: "2", reason: "crashes", fallback: null },
    });
    expect((await act("POST", "2", "/yank", { reason: "again" })).status).toBe(410);
  });

  test("with fallback the link shows what it showed before, without a moment of nothing", async () => {
    const { api, act, id, bytes } = await startWith({ "1": {}, "2": {}, "3": {} });
    for (const version of ["1", "2", "3"]) await publishByHand(api, id, version);
    await act("POST", "2", "/yank", { reason: "bad too" });

    const answer = await act("POST", "3", "/yank", { reason: "crashes", fallback: true });

    expect(await linkOf(api, id)).toEqual({ status: 200, bytes: bytes.get("1") });
    expect(answer.body).toMatchObject({ live_version: "1", status: "processed_success" });
    expect(await told(answer.body.run.id)).toMatchObject({
      argument: { fallback: { kind: "rollback", number: 5, versionId: (await rowOf("1")).id } },
    });
    const query = await api.call(undefined, "GET", `/api/v1/package/query?package_id=${id}`, {
      headers: { "x-api-key": api.tokenOf(ADMIN) },
    });
    expect(query.body.data).toMatchObject({ version: "1" });
  });

  test("what took a yanked version's place falls back too, before its own publication has ended", async () => {
    const { api, act, id, bytes } = await startWith({ "1": {}, "2": {}, "3": {} });
    for (const version of ["1", "2", "3"]) await publishByHand(api, id, version);
    await act("POST", "3", "/yank", { reason: "crashes", fallback: true });

    const answer = await act("POST", "2", "/yank", { reason: "bad too", fallback: true });

    expect(await linkOf(api, id)).toEqual({ status: 200, bytes: bytes.get("1") });
    expect(await told(answer.body.run.id)).toMatchObject({
      argument: { fallback: { kind: "rollback", versionId: (await rowOf("1")).id } },
    });
    const last = await act("POST", "1", "/yank", { reason: "all bad", fallback: true });
    expect(last).toMatchObject({ status: 409, body: { code: "packages/no-fallback" } });
  });

  test("without an earlier version there is nothing to fall back to", async () => {
    const { api, act, id } = await startWith({ "1": {} });
    await publishByHand(api, id, "1");

    const answer = await act("POST", "1", "/yank", { reason: "bad", fallback: true });

    expect(answer).toMatchObject({ status: 409, body: { code: "packages/no-fallback" } });
    expect(await rowOf("1")).toMatchObject({ yankedAt: null });
  });

  test("a version that is not live takes nothing off the link", async () => {
    const { api, act, id, bytes } = await startWith({ "1": {}, "2": {} });
    for (const version of ["1", "2"]) await publishByHand(api, id, version);

    await act("POST", "1", "/yank", { reason: "old", fallback: true });

    expect(await linkOf(api, id)).toEqual({ status: 200, bytes: bytes.get("2") });
    expect((await api.call(undefined, "GET", `/dist/${id}/v/1/app.zip`)).status).toBe(410);
  });

  test("needs a reason, and a yanked version can never be shown again", async () => {
    const { api, act, id } = await startWith({ "1": {} });
    await publishByHand(api, id, "1");

    expect((await act("POST", "1", "/yank")).status).toBe(422);
    await act("POST", "1", "/yank", { reason: "bad" });

    const json = { version: "1" };
    expect((await api.call(ADMIN, "POST", `${PATH}/${id}/rollback`, { json })).status).toBe(410);
  });
});

describe("channels", () => {
  test("each has its own link, its own numbers and its own live version", async () => {
    const { api, id, bytes } = await startWith({ "1": {}, "2-beta": { channel: "beta" } });
    for (const version of ["1", "2-beta"]) await publishByHand(api, id, version);
    const get = (path: string) => fetch(new URL(path, api.address));
    const text = async (path: string) => Buffer.from(await (await get(path)).arrayBuffer());

    expect(await text(`/dist/${id}/release.zip`)).toEqual(bytes.get("1"));
    expect(await text(`/dist/${id}/stable.zip`)).toEqual(bytes.get("1"));
    expect(await text(`/dist/${id}/beta.zip`)).toEqual(bytes.get("2-beta"));
    expect((await get(`/dist/${id}/nightly.zip`)).status).toBe(404);
    expect(
      (await PackageRun.findAll()).map(({ channel, number }) => `${channel} ${number}`),
    ).toEqual(expect.arrayContaining(["stable 1", "stable 2", "beta 1"]));
    const { body } = await api.call(ADMIN, "GET", `${PATH}/${id}`);
    expect(body).toMatchObject({
      live_version: "1",
      channels: [
        { name: "beta", live_version: "2-beta" },
        { name: "stable", live_version: "1" },
      ],
    });
    expect(body.channels[0].download_url).toMatch(/\/beta\.zip$/);
    const query = await api.call(
      undefined,
      "GET",
      `/api/v1/package/query?package_id=${id}&channel=beta`,
      {
        headers: { "x-api-key": api.tokenOf(ADMIN) },
      },
    );
    expect(query.body.data).toMatchObject({
      version: "2-beta",
      download_url: body.channels[0].download_url,
    });
  });

  test("release is another name of stable, and a name that is none is refused", async () => {
    const { api, id } = await startWith({ "1": { channel: "release" } });
    const form = uploadForm({ version: "2", channel: "Be/ta" }, { bytes: await zipOf({ a: "" }) });

    const refused = await api.call(ADMIN, "POST", `${PATH}/${id}/versions`, { form });

    expect(await rowOf("1")).toMatchObject({ channel: "stable" });
    expect(refused).toMatchObject({ status: 422, body: { issues: [{ path: "channel" }] } });
  });
});
