import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ADMIN, startApi } from "../support/api.ts";
import { send } from "../support/http.ts";
import { startNginx } from "../support/nginx.ts";
import { digestOf, publishByHand, uploadPackage } from "../support/packages.ts";

/** A published package behind nginx, with the ways to ask for it. */
async function startDelivery() {
  const api = await startApi({ env: { DELIVERY: "accel", TRUST_PROXY: "1" } });
  const { body, bytes } = await uploadPackage(api, { fileName: "应用.zip" });
  const { path } = await publishByHand(api, body.id, "1.0.0");
  const nginx = await startNginx(api.address, join(api.services.env.dataFolder, "objects/objects"));
  const ask = (headers: Record<string, string> = {}, method = "GET", address = nginx) =>
    send(address, { method, path, headers });
  const counted = async () =>
    (await api.call(ADMIN, "GET", `/api/v1/packages/${body.id}/statistics`)).body.downloads;
  const id: string = body.id;
  return { api, id, path, nginx, bytes, etag: `"${digestOf(bytes)}"`, ask, counted };
}

const SAME = ["etag", "last-modified", "cache-control", "content-type", "content-disposition"];

describe("packages that nginx sends", () => {
  test("come whole with the headers that the API gives them", async () => {
    const { api, bytes, etag, ask } = await startDelivery();

    const byNginx = await ask();
    const byApi = await ask({}, "GET", api.address);
    const head = await ask({}, "HEAD");

    expect(byNginx.bytes).toEqual(bytes);
    expect(byApi.bytes).toEqual(bytes);
    expect(byNginx.headers).toMatchObject({
      etag,
      "accept-ranges": "bytes",
      server: expect.stringMatching(/nginx/),
    });
    expect(byNginx.headers["x-accel-redirect"]).toBeUndefined();
    for (const name of [...SAME, "content-length", "x-content-type-options"]) {
      expect([name, byNginx.headers[name]]).toEqual([name, byApi.headers[name]]);
      expect([name, head.headers[name]]).toEqual([name, byApi.headers[name]]);
    }
  });

  test("come in ranges, and whole when the part that a client has is of other bytes", async () => {
    const { bytes, etag, ask } = await startDelivery();

    const part = await ask({ range: "bytes=10-19" });
    const last = await ask({ range: "bytes=-5" });
    const more = await ask({ range: "bytes=10-19", "if-range": etag });
    const changed = await ask({ range: "bytes=10-19", "if-range": '"other"' });
    const beyond = await ask({ range: `bytes=${bytes.length}-` });
    const several = await ask({ range: "bytes=0-1,5-6" });

    expect(part).toMatchObject({ status: 206, bytes: bytes.subarray(10, 20) });
    expect(part.headers).toMatchObject({ etag, "content-range": `bytes 10-19/${bytes.length}` });
    expect(last).toMatchObject({ status: 206, bytes: bytes.subarray(-5) });
    expect(more).toMatchObject({ status: 206, bytes: bytes.subarray(10, 20) });
    expect(changed).toMatchObject({ status: 200, bytes });
    expect(beyond.status).toBe(416);
    expect(several.headers["content-type"]).toMatch(/^multipart\/byteranges/);
  });

  test("obey conditions by the API's own tag and time", async () => {
    const { bytes, etag, ask } = await startDelivery();
    const { headers } = await ask();
    const then = headers["last-modified"]!;
    const ago = "Sun, 01 Mar 2020 12:00:00 GMT";

    expect((await ask({ "if-none-match": etag })).status).toBe(304);
    expect((await ask({ "if-none-match": '"other"' })).bytes).toEqual(bytes);
    expect((await ask({ "if-match": etag })).bytes).toEqual(bytes);
    expect((await ask({ "if-match": '"other"' })).status).toBe(412);
    expect((await ask({ "if-modified-since": then })).status).toBe(304);
    expect((await ask({ "if-modified-since": ago })).bytes).toEqual(bytes);
    expect((await ask({ "if-none-match": '"other"', "if-modified-since": then })).status).toBe(200);
    expect((await ask({ "if-unmodified-since": ago })).status).toBe(412);
    expect((await ask({ "if-unmodified-since": then })).bytes).toEqual(bytes);
  });

  test("are counted when they are asked for whole, and by nothing else", async () => {
    const { etag, ask, counted } = await startDelivery();

    await ask();
    await ask({ range: "bytes=0-9" });
    await ask({ range: "bytes=0-" });
    await ask({ "if-none-match": etag });
    await ask({}, "HEAD");
    await ask();

    expect(await counted()).toBe(2);
  });

  test("are shut as all doors are, and there is no way past the API to an object", async () => {
    const { api, id, nginx, ask, path } = await startDelivery();
    const { headers } = await send(api.address, {
      path,
      headers: { "x-sendfile-type": "X-Accel-Redirect" },
    });
    const inside = headers["x-accel-redirect"] as string;

    const { status } = await send(nginx, { path: inside });
    await api.call(ADMIN, "PATCH", `/api/v1/packages/${id}`, { json: { is_distributing: false } });

    expect(inside).toMatch(/^\/_objects\//);
    expect(status).toBe(404);
    expect((await ask()).status).toBe(403);
  });
});
