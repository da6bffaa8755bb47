import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { dayOf, openDownloadCounter, Package } from "../../../models/packages/index.ts";
import { ADMIN, startApi, type StartedApi, STRANGER } from "../../support/api.ts";
import { publishByHand, uploadPackage } from "../../support/packages.ts";
import { until } from "../../support/until.ts";

const LARGE = 8 * 1024 * 1024;

async function publish(api: StartedApi, given: { bytes?: Buffer } = {}) {
  const { body } = await uploadPackage(api, given);
  const { path, bytes } = await publishByHand(api, body.id, "1.0.0");
  const id: string = body.id;
  return { id, path, bytes: bytes.length };
}

const statistics = async (api: StartedApi, id: string, query = "") =>
  (await api.call(ADMIN, "GET", `/api/v1/packages/${id}/statistics${query}`)).body;

const get = (api: StartedApi, path: string, init: RequestInit = {}) =>
  fetch(api.address + path, init).then(async (response) => {
    await response.arrayBuffer();
    return response;
  });

/** An archive of at least so many bytes: more than any buffer between us and a client holds. */
async function largeZip(): Promise<Buffer> {
  const { makeZip } = await import("../../../scripts/demo/sample-package.ts");
  return (await makeZip(LARGE)).bytes;
}

describe("GET /api/v1/packages/:id/statistics", () => {
  test("shows whole downloads per day, version and channel, and what they add up to", async () => {
    const api = await startApi();
    const { id, path, bytes } = await publish(api);
    const today = dayOf(new Date());

    await get(api, path);
    await get(api, `/dist/${id}/v/1.0.0/app.zip`);

    const sums = { downloads: 2, bytes: 2 * bytes };
    expect(await statistics(api, id)).toEqual({
      from: dayOf(new Date(Date.now() - 29 * 86_400_000)),
      to: today,
      ...sums,
      days: [{ day: today, ...sums }],
      versions: [{ version: "1.0.0", ...sums }],
      channels: [{ channel: "stable", ...sums }],
      items: [{ day: today, version: "1.0.0", channel: "stable", ...sums }],
    });
  });

  test("counts neither a HEAD, nor what a client has already, nor ranges, though they make up the whole", async () => {
    const api = await startApi();
    const { id, path, bytes } = await publish(api);
    const { headers } = await get(api, path, { method: "HEAD" });

    await get(api, path, { headers: { "if-none-match": headers.get("etag")! } });
    await get(api, path, { headers: { range: `bytes=0-${bytes - 1}` } });
    await get(api, path, { headers: { range: "bytes=0-99" } });
    await get(api, path, { headers: { range: "bytes=100-" } });

    expect(await statistics(api, id)).toMatchObject({ downloads: 0, bytes: 0, items: [] });
  });

  test("counts the whole that a client gets because its part is of another version", async () => {
    const api = await startApi();
    const { id, path } = await publish(api);

    const { status } = await get(api, path, { headers: { range: "bytes=9-", "if-range": '"x"' } });

    expect(status).toBe(200);
    expect(await statistics(api, id)).toMatchObject({ downloads: 1 });
  });

  test("does not count a download that its client breaks off", async () => {
    const api = await startApi();
    const { id, path } = await publish(api, { bytes: await largeZip() });
    const { hostname, port } = new URL(api.address);
    const socket = connect(Number(port), hostname);

    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await once(socket, "data");
    socket.destroy();
    await until(() => api.logged.some(({ aborted }) => aborted === true));
    await get(api, path);

    expect(await statistics(api, id)).toMatchObject({ downloads: 1 });
  });

  test("counts each of two hundred that end at once", async () => {
    const api = await startApi();
    const { id, path } = await publish(api);

    await Promise.all(Array.from({ length: 200 }, () => get(api, path)));

    expect(await statistics(api, id)).toMatchObject({ downloads: 200 });
  });

  test("does not count drafts and originals: they are for those who make the package", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    await publishByHand(api, body.id, "1.0.0");
    const { body: shown } = await api.call(ADMIN, "GET", `/api/v1/packages/${body.id}`);

    const { pathname, search } = new URL(shown.original_download_url);
    expect((await get(api, pathname + search)).status).toBe(200);

    expect(await statistics(api, body.id)).toMatchObject({ downloads: 0 });
  });

  test("gives the file all the same when it cannot be counted, and says so in the log", async () => {
    const count = () => Promise.reject(new Error("the database is away"));
    const api = await startApi({ services: { downloads: { count } } });
    const { path, bytes } = await publish(api);

    const response = await fetch(api.address + path);

    expect((await response.arrayBuffer()).byteLength).toBe(bytes);
    expect(api.logged).toContainEqual(
      expect.objectContaining({ msg: "a download was not counted" }),
    );
  });

  test("shows the days that are asked for, and refuses spans that are none", async () => {
    const api = await startApi();
    const { id } = await publish(api);
    const { id: packageId } = await Package.findOne({ rejectOnEmpty: true });
    const counter = openDownloadCounter(api.services.database);
    await counter.count({ packageId, version: "1.0.0", channel: "stable", bytes: 5 });
    const ask = async (query: string) =>
      api.call(ADMIN, "GET", `/api/v1/packages/${id}/statistics${query}`);

    expect((await ask("?from=2026-01-01&to=2026-01-31")).body).toMatchObject({
      from: "2026-01-01",
      to: "2026-01-31",
      downloads: 0,
    });
    for (const query of ["?from=2026-02-01&to=2026-01-31", "?from=2020-01-01", "?to=yesterday"]) {
      expect(await ask(query)).toMatchObject({ status: 422, body: { code: "request/invalid" } });
    }
  });

  test("is for those who may read packages", async () => {
    const api = await startApi();
    const { id } = await publish(api);

    const path = `/api/v1/packages/${id}/statistics`;
    expect((await api.call(STRANGER, "GET", path)).status).toBe(403);
    expect((await api.call(undefined, "GET", path)).status).toBe(401);
    expect((await api.call(ADMIN, "GET", "/api/v1/packages/9/statistics")).status).toBe(404);
  });
});
