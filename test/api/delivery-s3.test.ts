import { randomBytes } from "node:crypto";
import { describe, expect, inject, test } from "vitest";
import { openS3Store } from "../../platform/objects/s3.ts";
import { ADMIN, startApi } from "../support/api.ts";
import { send } from "../support/http.ts";
import { digestOf, publishByHand, uploadPackage } from "../support/packages.ts";

/** A published package on an S3 server, with the ways to ask for it. */
async function startDelivery() {
  const server = inject("s3");
  if (!server) throw new Error("this test needs an S3 server");
  const bucket = `${server.bucket}-${randomBytes(3).toString("hex")}`;
  const env = {
    DELIVERY: "redirect",
    S3_ENDPOINT: server.endpoint,
    S3_BUCKET: bucket,
    S3_ACCESS_KEY_ID: server.accessKeyId,
    S3_SECRET_ACCESS_KEY: server.secretAccessKey,
  };
  const objects = await openS3Store({ ...server, publicUrl: server.endpoint, bucket });
  const api = await startApi({ env, services: { objects } });
  const { body, bytes } = await uploadPackage(api, { fileName: "应用.zip" });
  const { path } = await publishByHand(api, body.id, "1.0.0");
  const ask = (headers: Record<string, string> = {}, method = "GET") =>
    send(api.address, { method, path, headers });
  const id: string = body.id;
  const counted = async () =>
    (await api.call(ADMIN, "GET", `/api/v1/packages/${id}/statistics`)).body.downloads;
  return { api, id, path, bytes, etag: `"${digestOf(bytes)}"`, ask, counted };
}

describe("packages that the S3 server sends", () => {
  test("are redirected to, for a minute, under their own name and type; nobody keeps the way", async () => {
    const { api, bytes, path, ask } = await startDelivery();

    const { status, headers } = await ask();
    const address = new URL(headers.location!);
    const there = await fetch(address);
    const followed = await fetch(api.address + path);

    expect(status).toBe(302);
    expect(headers["cache-control"]).toBe("private, no-store");
    expect(Number(address.searchParams.get("X-Amz-Expires"))).toBeLessThanOrEqual(60);
    expect(Buffer.from(await there.arrayBuffer())).toEqual(bytes);
    expect(there.headers.get("content-disposition")).toContain("filename*=UTF-8''");
    expect(there.headers.get("cache-control")).toBe("private, no-store");
    expect(Buffer.from(await followed.arrayBuffer())).toEqual(bytes);
  });

  test("come in ranges to clients that follow", async () => {
    const { api, bytes, path } = await startDelivery();

    const part = await fetch(api.address + path, { headers: { range: "bytes=10-19" } });

    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(10, 20));
  });

  test("are signed for under the server's public name", async () => {
    const { bytes } = await startDelivery();
    const server = inject("s3")!;
    const publicUrl = "https://objects.example";
    const bucket = `${server.bucket}-${randomBytes(3).toString("hex")}`;
    const objects = await openS3Store({ ...server, publicUrl, bucket });
    await objects.put("a b/ü", bytes);
    const terms = { contentType: "a/b", contentDisposition: "attachment", cacheControl: "x" };

    const address = await (await objects.open("a b/ü"))!.presign!({ seconds: 5, ...terms });

    expect(new URL(address).host).toBe("objects.example");
  });

  test("are described, refused and resumed by the API itself, by its own tag", async () => {
    const { bytes, etag, ask } = await startDelivery();

    expect(await ask({}, "HEAD")).toMatchObject({ status: 200, headers: { etag } });
    expect((await ask({ "if-none-match": etag })).status).toBe(304);
    expect((await ask({ "if-match": '"other"' })).status).toBe(412);
    expect((await ask({ range: `bytes=${bytes.length}-` })).status).toBe(416);
    expect((await ask({ "if-match": etag })).bytes).toEqual(bytes);
    expect(await ask({ range: "bytes=1-2", "if-range": etag })).toMatchObject({
      status: 206,
      bytes: bytes.subarray(1, 3),
    });
    expect(await ask({ range: "bytes=1-2", "if-range": '"x"' })).toMatchObject({ status: 200 });
  });

  test("are counted when they are asked for whole", async () => {
    const { ask, counted } = await startDelivery();

    await ask();
    await ask({ range: "bytes=0-9" });
    await ask({}, "HEAD");

    expect(await counted()).toBe(1);
  });

  test("get no address while a door is shut", async () => {
    const { api, id, ask } = await startDelivery();
    await api.call(ADMIN, "PATCH", `/api/v1/packages/${id}`, { json: { is_distributing: false } });

    const { status, headers } = await ask();

    expect(status).toBe(403);
    expect(headers.location).toBeUndefined();
  });
});
