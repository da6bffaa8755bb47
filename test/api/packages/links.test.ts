import { describe, expect, test } from "vitest";
import { type Actor } from "../../../domain/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { moveRun, Package, PackageVersion } from "../../../models/packages/index.ts";
import { ADMIN, startApi, STRANGER, type StartedApi } from "../../support/api.ts";
import {
  digestOf,
  giveIcon,
  ICON,
  makeReady,
  publishByHand,
  uploadPackage,
} from "../../support/packages.ts";

describe("GET /dist/:id/:file", () => {
  test("shows the live bytes with a strong tag and a short life", async () => {
    const api = await startApi();
    const { body, bytes } = await uploadPackage(api, { fileName: "应用.zip" });
    const before = await api.call(undefined, "GET", `/dist/${body.id}/release.zip`);
    const { path } = await publishByHand(api, body.id, "1.0.0");

    const response = await fetch(new URL(path, api.address));

    expect(before).toMatchObject({ status: 404, body: { code: "packages/not-published" } });
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      etag: `"${digestOf(bytes)}"`,
      "cache-control": "public, max-age=60, must-revalidate",
      "content-disposition": `attachment; filename="__.zip"; filename*=UTF-8''%E5%BA%94%E7%94%A8.zip`,
    });
    expect(await api.call(undefined, "GET", `/dist/${body.id}/release.apk`)).toMatchObject({
      status: 404,
    });
  });

  test("is shut while distribution is off", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    const { path } = await publishByHand(api, body.id, "1.0.0");
    await inTransaction(api.services.database, (transaction) =>
      Package.update({ isDistributing: false }, { where: {}, transaction }),
    );

    expect(await api.call(undefined, "GET", path)).toMatchObject({
      status: 403,
      body: { code: "packages/not-distributing" },
    });
  });
});

describe("GET /dist/:id/v/:version/:file", () => {
  test("shows one version for ever, under its own file name only", async () => {
    const api = await startApi();
    const { body, bytes } = await uploadPackage(api);
    await publishByHand(api, body.id, "1.0.0");

    const response = await fetch(new URL(`/dist/${body.id}/v/1.0.0/app.zip`, api.address));
    const other = await api.call(undefined, "GET", `/dist/${body.id}/v/1.0.0/other.zip`);

    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(other.status).toBe(404);
  });

  test("is kept by nobody under another spelling of its address, which nobody would purge", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    const { path } = await publishByHand(api, body.id, "1.0.0");
    const own = `/dist/${body.id}/v/1.0.0/app.zip`;
    const spellings = (address: string) => [
      `${address}?x=1`,
      `${address}/`,
      address.replace(body.id, `0${body.id}`),
      address.replace(".zip", "%2Ezip"),
    ];

    for (const address of [...spellings(path), ...spellings(own)]) {
      const { status, headers } = await api.call(undefined, "GET", address);
      expect([address, status, headers.get("cache-control")]).toEqual([
        address,
        200,
        "private, no-store",
      ]);
    }
    const stable = await api.call(undefined, "GET", `/dist/${body.id}/stable.zip`);
    expect(stable.headers.get("cache-control")).toBe("public, max-age=60, must-revalidate");
  });
});

describe("GET /api/v1/packages/:id/versions/:version/original", () => {
  test("gives the original for a minute to whom the address was given", async () => {
    const api = await startApi();
    const { body, bytes } = await uploadPackage(api);
    await publishByHand(api, body.id, "1.0.0");
    const client: Actor = { ...STRANGER, permissions: ["packages:query", "packages:original"] };
    const { body: answer } = await api.call(
      undefined,
      "GET",
      `/api/v1/package/query?package_id=${body.id}`,
      {
        headers: { "x-api-key": api.tokenOf(client) },
      },
    );
    const url = new URL(answer.data.original_download_url);
    const address = (search: string) => new URL(url.pathname + search, api.address);

    const good = await fetch(address(url.search));
    const longer = new URLSearchParams(url.search);
    longer.set("expires", String(Number(longer.get("expires")) + 600));

    expect(Buffer.from(await good.arrayBuffer())).toEqual(bytes);
    expect(Number(url.searchParams.get("expires")) * 1000 - Date.now()).toBeLessThanOrEqual(60_000);
    expect((await fetch(address(`?${longer.toString()}`))).status).toBe(403);
  });
});

describe("GET /api/v1/package/query", () => {
  const QUERY = "/api/v1/package/query";
  const client: Actor = { ...STRANGER, permissions: ["packages:query"] };
  const ask = async (api: StartedApi, query: string, actor = client) =>
    api.call(undefined, "GET", QUERY + query, { headers: { "x-api-key": api.tokenOf(actor) } });

  test("answers as clients of the contract expect, by id and by name", async () => {
    const api = await startApi();
    const { body, bytes } = await uploadPackage(api, { name: "Query me" });
    await publishByHand(api, body.id, "1.0.0");

    const answer = await ask(api, `?package_id=${body.id}`);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      code: 200,
      message: "success",
      data: {
        package_id: body.id,
        package_name: "Query me",
        package_type: "zip",
        version: "1.0.0",
        status: "processed_success",
        download_url: `${api.services.env.publicUrl}/dist/${body.id}/release.zip`,
        original_download_url: null,
        file_size: bytes.length,
        sha256: digestOf(bytes),
        original_package_version: "1.0.0",
        expire_time: "",
      },
    });
    expect((await ask(api, "?package_name=Query%20me")).body).toEqual(answer.body);
  });

  test("refuses in the contract's envelope and words", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);

    expect(await ask(api, "")).toMatchObject({
      status: 400,
      body: {
        code: 400,
        message: "Either package_id or package_name must be provided",
        data: null,
      },
    });
    expect(await ask(api, "?package_id=999")).toMatchObject({
      status: 404,
      body: { code: 404, message: "Package not found" },
    });
    expect(await ask(api, `?package_id=${body.id}`)).toMatchObject({
      status: 403,
      body: { message: "Package distribution is disabled" },
    });
    expect((await ask(api, "?package_id=x")).status).toBe(422);
    expect((await api.call(undefined, "GET", `${QUERY}?package_id=1`)).status).toBe(422);
    expect(
      await api.call(undefined, "GET", QUERY, { headers: { "x-api-key": "wrong" } }),
    ).toMatchObject({ status: 403, body: { code: 403, message: "Invalid API Key", data: null } });
    await inTransaction(api.services.database, (transaction) =>
      moveRun(body.run.id, "failed", {}, transaction),
    );
    expect(await ask(api, `?package_id=${body.id}`)).toMatchObject({
      status: 400,
      body: { message: "包处理失败，暂无可用下载链接" },
    });
  });
});

describe("GET /api/v1/packages/:id/versions/:version/icon", () => {
  test("gives the picture that was found, as what it is and nothing else", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    await publishByHand(api, body.id, "1.0.0");
    const path = `/api/v1/packages/${body.id}/versions/1.0.0/icon`;
    const before = await api.call(undefined, "GET", path);
    await giveIcon(api, "1.0.0", { package_name: "com.example", permissions: ["INTERNET"] });

    const answer = await fetch(new URL(path, api.address));
    const shown = await api.call(ADMIN, "GET", `/api/v1/packages/${body.id}/versions`);

    expect(before).toMatchObject({ status: 404, body: { code: "packages/no-icon" } });
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(ICON);
    expect(answer.headers.get("content-type")).toBe("image/png");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(shown.body.items).toMatchObject([
      {
        package_name: "com.example",
        permissions: ["INTERNET"],
        min_sdk: null,
        icon_url: `${api.services.env.publicUrl}${path}`,
      },
    ]);
  });

  test("no cache keeps a draft's, which only insiders may see", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    await makeReady(api, { version: "1.0.0" });
    await giveIcon(api, "1.0.0");
    await PackageVersion.update({ isDraft: true }, { where: { version: "1.0.0" } });

    const path = `/api/v1/packages/${body.id}/versions/1.0.0/icon`;
    const headers = { authorization: `Bearer ${api.tokenOf(ADMIN)}` };
    const insider = await fetch(new URL(path, api.address), { headers });

    expect(insider.status).toBe(200);
    expect(insider.headers.get("cache-control")).toBe("private, no-store");
    expect((await api.call(undefined, "GET", path)).status).toBe(404);
  });
});
