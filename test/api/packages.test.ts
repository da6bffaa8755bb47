import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { PERMISSIONS, type Actor } from "../../domain/accounts.ts";
import { inTransaction } from "../../models/database.ts";
import { OutboxEntry, StagedObject, AuditEntry, reportWorker } from "../../models/operations.ts";
import {
  appendLog,
  moveRun,
  Package,
  PackageRun,
  PackageVersion,
} from "../../models/packages/index.ts";
import { ADMIN, startApi, STRANGER, type StartedApi } from "../support/api.ts";
import { digestOf, publishByHand, uploadForm, uploadPackage, zipOf } from "../support/packages.ts";

const PATH = "/api/v1/packages";
const ZIP = { "README.txt": "a small package" };

/** What is kept after a refusal must be nothing. */
async function kept({ services }: StartedApi) {
  const objects: string[] = [];
  for await (const { key } of services.objects.list("")) objects.push(key);
  return {
    objects,
    packages: await Package.count(),
    versions: await PackageVersion.count(),
    runs: await PackageRun.count(),
    staged: await StagedObject.count(),
    orders: await OutboxEntry.count(),
  };
}
const NOTHING = { objects: [], packages: 0, versions: 0, runs: 0, staged: 0, orders: 0 };

describe("POST /api/v1/packages", () => {
  test("accepts a package, says where its run is, and leaves an order for the workflow", async () => {
    const api = await startApi();

    const { status, headers, body, bytes } = await uploadPackage(api, { name: "演示 App 🎉" });

    expect(status).toBe(202);
    expect(headers.get("location")).toBe(`${PATH}/${body.id}/runs/${body.run.id}`);
    expect(body).toMatchObject({
      id: "1001",
      name: "演示 App 🎉",
      type: "zip",
      status: "pending",
      current_version: "1.0.0",
      live_version: null,
      download_url: null,
      is_distributing: false,
      run: { status: "queued", kind: "upload", version: "1.0.0" },
    });
    const version = await PackageVersion.findOne({ rejectOnEmpty: true });
    expect(version).toMatchObject({ originalSha256: digestOf(bytes), originalBytes: bytes.length });
    expect(await OutboxEntry.findAll()).toMatchObject([
      { workflow: "packageLine", command: { update: "replacePackage", id: body.run.id } },
    ]);
    expect(await StagedObject.count()).toBe(0);
    expect(await AuditEntry.findAll()).toMatchObject([
      { action: "packages.created", actorName: "admin", subjectId: "1001" },
    ]);
  });

  test("never shows the row's UUID", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    const { id } = await Package.findOne({ rejectOnEmpty: true });

    const shown = [
      await api.call(ADMIN, "GET", `${PATH}/${body.id}`),
      await api.call(ADMIN, "GET", `${PATH}/${body.id}/versions`),
      await api.call(ADMIN, "GET", `${PATH}/${body.id}/runs`),
      await api.call(ADMIN, "GET", "/api/v1/audit"),
    ];

    expect(JSON.stringify(shown.map((answer) => answer.body))).not.toContain(id);
  });

  test("takes fields in any order and tells apk, ipa and zip by their content", async () => {
    const api = await startApi();
    await reportWorker(api.services.database, {
      id: "w",
      queues: ["build"],
      buildsApks: true,
      warnings: [],
    });
    const upload = async (fileName: string, entries: Record<string, string>) => {
      const bytes = await zipOf(entries);
      return (await uploadPackage(api, { bytes, fileName })).body.type;
    };

    expect(await upload("a.zip", { "AndroidManifest.xml": "<manifest/>" })).toBe("apk");
    expect(await upload("b.ipa", { "Payload/App.app/Info.plist": "<plist/>" })).toBe("ipa");
    expect(await upload("c.bin", ZIP)).toBe("zip");
  });

  test.each([
    ["an empty file", { bytes: "" }, 422, "packages/empty-file"],
    ["what is no ZIP", { bytes: "not an archive" }, 422, "packages/not-an-archive"],
    ["a ZIP named .apk without manifest", { fileName: "app.APK" }, 422, "packages/no-manifest"],
    ["a wrong digest", { sha256: "0".repeat(64) }, 422, "packages/digest-mismatch"],
    ["a digest that is none", { sha256: "abc" }, 422, "request/invalid"],
    ["a name that leaves its folder", { name: "../etc" }, 422, "request/invalid"],
    ["a name with NUL", { name: "a\u0000b" }, 422, "request/invalid"],
    ["a name of 300 bytes of emoji", { name: "🎉".repeat(75) }, 422, "request/invalid"],
    ["a name of 101 characters", { name: "a".repeat(101) }, 422, "request/invalid"],
    ["an empty name", { name: "  " }, 422, "request/invalid"],
    ["a version with a slash", { version: "1/2" }, 422, "request/invalid"],
    ["a version of 51 characters", { version: "1".repeat(51) }, 422, "request/invalid"],
    ["a field that is not known", { colour: "red" }, 422, "request/invalid"],
    ["an APK when no worker has the tools", { manifest: "yes" }, 503, "packages/tools-missing"],
  ])("refuses %s and keeps nothing of it", async (_what, given, status, code) => {
    const api = await startApi();
    const {
      bytes: text,
      fileName = "app.zip",
      manifest,
      ...fields
    } = given as Record<string, string>;
    const entries = manifest ? { "AndroidManifest.xml": "<manifest/>" } : ZIP;
    const bytes = text === undefined ? await zipOf(entries) : Buffer.from(text);
    const form = uploadForm({ name: "App", version: "1", ...fields }, { bytes, name: fileName });

    const answer = await api.call(ADMIN, "POST", PATH, { form });

    expect(answer).toMatchObject({ status, body: { code, status } });
    expect(answer.body.request_id).toBeTruthy();
    expect(await kept(api)).toEqual(NOTHING);
  });

  test("names every fault of the form at once", async () => {
    const api = await startApi();
    const form = uploadForm({ name: "a/b", version: "" });

    const { status, body } = await api.call(ADMIN, "POST", PATH, { form });

    expect(status).toBe(422);
    const paths = body.issues.map(({ path }: { path: string }) => path);
    expect(paths).toEqual(expect.arrayContaining(["name", "version", "file"]));
  });

  test("refuses a taken name with the id of its owner, and keeps the owner as it was", async () => {
    const api = await startApi();
    const first = await uploadPackage(api, { name: "Taken" });
    const before = await kept(api);

    const { status, body } = await uploadPackage(api, { name: "Taken" });

    expect({ status, body }).toMatchObject({
      status: 409,
      body: { code: "packages/name-taken", id: first.body.id },
    });
    expect(await kept(api)).toEqual(before);
  });

  test("of two uploads of one name at once, one is accepted", async () => {
    const api = await startApi();

    const answers = await Promise.all([1, 2, 3].map(() => uploadPackage(api, { name: "Race" })));

    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409]);
    expect(await kept(api)).toMatchObject({ packages: 1, versions: 1, runs: 1, staged: 0 });
  });

  test("refuses what is larger than the limit while it comes", async () => {
    const api = await startApi({ env: { MAX_PACKAGE_BYTES: "1000" } });

    const { status, body } = await uploadPackage(api, { bytes: Buffer.alloc(200_000, "x") });

    expect({ status, body }).toMatchObject({ status: 413, body: { code: "request/too-large" } });
    expect(await kept(api)).toEqual(NOTHING);
  });

  test("keeps nothing of an upload that was cut short", async () => {
    const api = await startApi();
    const boundary = "cut";
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n`;
    await new Promise<void>((resolve) => {
      const sending = request(new URL(PATH, api.address), {
        method: "POST",
        headers: {
          authorization: `Bearer ${api.tokenOf(ADMIN)}`,
          "content-type": `multipart/form-data; boundary=${boundary}`,
          "content-length": 1_000_000,
        },
      });
      sending.on("error", () => resolve());
      sending.write(head + "x".repeat(300_000), () => setTimeout(() => sending.destroy(), 100));
    });

    await expect.poll(() => kept(api)).toEqual(NOTHING);
  });

  test("answers a repeated call with the same key as the first", async () => {
    const api = await startApi();
    const bytes = await zipOf(ZIP);
    const send = (version: string) =>
      api.call(ADMIN, "POST", PATH, {
        form: uploadForm({ name: "Once", version }, { bytes }),
        headers: { "idempotency-key": "upload-1" },
      });

    const [first, again, other] = [await send("1"), await send("1"), await send("2")];

    expect(again.status).toBe(202);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("location")).toBe(first.headers.get("location"));
    expect(other).toMatchObject({ status: 422, body: { code: "operations/idempotency-mismatch" } });
    expect(await kept(api)).toMatchObject({ packages: 1, versions: 1, staged: 0 });
  });
});

describe("POST /api/v1/packages/:id/versions", () => {
  test("accepts another version, refuses one that exists, another type and an unknown package", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    const send = async (id: string, version: string, entries: Record<string, string> = ZIP) =>
      api.call(ADMIN, "POST", `${PATH}/${id}/versions`, {
        form: uploadForm({ version }, { bytes: await zipOf(entries) }),
      });

    expect(await send(body.id, "1.1.0")).toMatchObject({
      status: 202,
      body: { id: body.id, run: { version: "1.1.0" } },
    });
    const before = await kept(api);
    expect(await send(body.id, "1.1.0")).toMatchObject({
      status: 409,
      body: { code: "packages/version-taken" },
    });
    expect(await send(body.id, "2", { "Payload/A.app/x": "" })).toMatchObject({
      status: 422,
      body: { code: "packages/type-changed" },
    });
    expect(await send("999", "1")).toMatchObject({
      status: 404,
      body: { code: "packages/not-found" },
    });
    expect(await kept(api)).toEqual(before);
  });

  test("gives twenty parallel replacements twenty publication numbers", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    const bytes = await zipOf(ZIP);

    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        api.call(ADMIN, "POST", `${PATH}/${body.id}/versions`, {
          form: uploadForm({ version: `2.${index}` }, { bytes }),
        }),
      ),
    );

    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202));
    const numbers = (await PackageRun.findAll()).map(({ number }) => number);
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 21 }, (_, n) => n + 1));
  });
});

describe("GET /api/v1/packages", () => {
  test("lists newest first, page by page", async () => {
    const api = await startApi();
    for (const name of ["a", "b", "c"]) await uploadPackage(api, { name });

    const first = await api.call(ADMIN, "GET", `${PATH}?limit=2`);
    const second = await api.call(ADMIN, "GET", `${PATH}?limit=2&after=${first.body.next}`);

    const names = (answer: typeof first) =>
      answer.body.items.map(({ name }: { name: string }) => name);
    expect([names(first), names(second)]).toEqual([["c", "b"], ["a"]]);
    expect(second.body.next).toBeNull();
  });
});

describe("GET /api/v1/packages/:id", () => {
  test("shows the live version, whatever runs beside it", async () => {
    const api = await startApi();
    const { body, bytes } = await uploadPackage(api);
    await publishByHand(api, body.id, "1.0.0");
    const form = uploadForm({ version: "2.0.0" }, { bytes: await zipOf(ZIP) });
    await api.call(ADMIN, "POST", `${PATH}/${body.id}/versions`, { form });

    const answer = await api.call(ADMIN, "GET", `${PATH}/${body.id}`);

    expect(answer.body).toMatchObject({
      status: "processed_success",
      current_version: "1.0.0",
      live_version: "1.0.0",
      sha256: digestOf(bytes),
      file_size: bytes.length,
      is_distributing: true,
      download_url: `${api.services.env.publicUrl}/dist/${body.id}/release.zip`,
      latest_run: { version: "2.0.0", status: "queued" },
    });
  });

  test("says of an id that is none that it is invalid", async () => {
    const api = await startApi();

    expect(await api.call(ADMIN, "GET", `${PATH}/x`)).toMatchObject({
      status: 422,
      body: { code: "request/invalid", issues: [{ path: "id" }] },
    });
  });
});

describe("GET /api/v1/packages/:id/versions", () => {
  test("lists versions with the address of each that is ready", async () => {
    const api = await startApi();
    const { body, bytes } = await uploadPackage(api, { fileName: "a b/应用 1.zip" });
    await publishByHand(api, body.id, "1.0.0");

    const { body: list } = await api.call(ADMIN, "GET", `${PATH}/${body.id}/versions`);

    expect(list.items).toMatchObject([
      {
        version: "1.0.0",
        status: "ready",
        live: true,
        file_name: "应用 1.zip",
        sha256: digestOf(bytes),
        original_sha256: digestOf(bytes),
      },
    ]);
    const { pathname } = new URL(list.items[0].download_url);
    expect(await fetch(new URL(pathname, api.address))).toMatchObject({ status: 200 });
  });
});

describe("GET /api/v1/packages/:id/runs", () => {
  test("lists every upload and rollback, newest first", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    await publishByHand(api, body.id, "1.0.0");
    await api.call(ADMIN, "POST", `${PATH}/${body.id}/rollback`, { json: { version: "1.0.0" } });

    const { body: list } = await api.call(ADMIN, "GET", `${PATH}/${body.id}/runs`);

    expect(list.items).toMatchObject([
      { kind: "rollback", status: "queued", version: "1.0.0", requested_by: "admin" },
      { kind: "upload", status: "succeeded", version: "1.0.0" },
    ]);
  });
});

describe("GET /api/v1/packages/:id/runs/:run", () => {
  test("shows steps, and the way to Temporal's Web UI to administrators alone", async () => {
    const api = await startApi();
    const { body, headers } = await uploadPackage(api);
    const reader: Actor = { ...STRANGER, permissions: ["packages:read"] };

    const shown = await api.call(ADMIN, "GET", headers.get("location")!);
    const plain = await api.call(reader, "GET", headers.get("location")!);
    const missing = await api.call(ADMIN, "GET", `${PATH}/${body.id}/runs/${randomUUID()}`);

    expect(shown.body).toMatchObject({ id: body.run.id, status: "queued", steps: [] });
    expect(shown.body.temporal_url).toContain(body.run.id);
    expect(plain.body.temporal_url).toBeNull();
    expect(missing).toMatchObject({ status: 404, body: { code: "packages/run-not-found" } });
  });
});

describe("GET /api/v1/packages/:id/runs/:run/log", () => {
  test("goes on from a byte, follows while the run runs, and ends with it", async () => {
    const api = await startApi();
    const { body, headers } = await uploadPackage(api);
    const run = body.run.id as string;
    const { database } = api.services;
    await inTransaction(database, async (transaction) => {
      await moveRun(run, "running", {}, transaction);
      await appendLog(run, "first 行\n", transaction);
      await appendLog(run, "second\n", transaction);
    });
    const log = `${headers.get("location")}/log`;

    const now = await api.call(ADMIN, "GET", log);
    const rest = await api.call(
      ADMIN,
      "GET",
      `${log}?after=${Buffer.byteLength("first 行\n") + 3}`,
    );
    const following = api.call(ADMIN, "GET", `${log}?follow=true`);
    await inTransaction(database, async (transaction) => {
      await appendLog(run, "third\n", transaction);
      await moveRun(run, "succeeded", { endedAt: new Date() }, transaction);
    });

    expect(now.body).toBe("first 行\nsecond\n");
    expect(now.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(rest.body).toBe("ond\n");
    expect((await following).body).toBe("first 行\nsecond\nthird\n");
  });
});

describe("POST /api/v1/packages/:id/runs/:run/resolve", () => {
  test("refuses a run that is not parked, and a decision without a reason", async () => {
    const api = await startApi();
    const { headers } = await uploadPackage(api);
    const path = `${headers.get("location")}/resolve`;

    const early = await api.call(ADMIN, "POST", path, { json: { action: "retry", reason: "x" } });
    const bare = await api.call(ADMIN, "POST", path, { json: { action: "retry" } });

    expect(early).toMatchObject({ status: 409, body: { code: "packages/run-not-parked" } });
    expect(bare).toMatchObject({ status: 422, body: { issues: [{ path: "reason" }] } });
  });
});

describe("POST /api/v1/packages/:id/rollback", () => {
  test("orders the publication of a ready version, and refuses others", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    const roll = (version: string) =>
      api.call(ADMIN, "POST", `${PATH}/${body.id}/rollback`, { json: { version } });

    const early = await roll("1.0.0");
    const unknown = await roll("9.9.9");
    await publishByHand(api, body.id, "1.0.0");
    const accepted = await roll("1.0.0");

    expect(early).toMatchObject({ status: 409, body: { code: "packages/version-not-ready" } });
    expect(unknown).toMatchObject({ status: 404, body: { code: "packages/version-not-found" } });
    expect(accepted).toMatchObject({ status: 202, body: { run: { kind: "rollback" } } });
    expect(await OutboxEntry.findByPk(accepted.body.run.id)).toMatchObject({
      command: { update: "rollBackPackage", argument: { number: 2 } },
    });
  });
});

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

describe("GET /api/v1/packages/:id/versions/:version/original", () => {
  test("gives the original for ten minutes to whom the address was given", async () => {
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
    expect(Number(url.searchParams.get("expires")) * 1000 - Date.now()).toBeLessThanOrEqual(
      600_000,
    );
    expect((await fetch(address(`?${longer.toString()}`))).status).toBe(403);
  });
});

describe("rights", () => {
  const NEEDED = {
    "packages:read": [
      ["GET", PATH],
      ["GET", `${PATH}/1001`],
      ["GET", `${PATH}/1001/versions`],
      ["GET", `${PATH}/1001/runs`],
    ],
    "packages:upload": [
      ["POST", PATH],
      ["POST", `${PATH}/1001/versions`],
    ],
    "packages:publish": [["POST", `${PATH}/1001/rollback`]],
    "packages:administer": [["POST", `${PATH}/1001/runs/${randomUUID()}/resolve`]],
  } as const;

  test.each(Object.entries(NEEDED))(
    "%s is needed, and every other right is not enough",
    async (need, calls) => {
      const api = await startApi();
      const others = PERMISSIONS.filter((permission) => permission !== need);
      for (const [method, path] of calls) {
        expect((await api.call(undefined, method, path)).status).toBe(401);
        expect(await api.call({ ...STRANGER, permissions: others }, method, path)).toMatchObject({
          status: 403,
          body: { code: "accounts/not-allowed" },
        });
      }
    },
  );
});
