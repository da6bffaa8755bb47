import { request } from "node:http";
import { describe, expect, test } from "vitest";
import type { Database } from "../../../models/database.ts";
import {
  AuditEntry,
  forgetStaged,
  OutboxEntry,
  reportWorker,
  StagedObject,
} from "../../../models/operations.ts";
import { Package, PackageRun, PackageVersion } from "../../../models/packages/index.ts";
import { ADMIN, startApi } from "../../support/api.ts";
import { openTestDatabase } from "../../support/database.ts";
import {
  digestOf,
  uploadForm,
  uploadPackage,
  zipOf,
  kept,
  NOTHING,
} from "../../support/packages.ts";

const PATH = "/api/v1/packages";

const ZIP = { "README.txt": "a small package" };

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
      tools: ["aapt", "zipalign", "apksigner"],
      knownReferences: ["secret:signing-password", "file:signing-keystore", "value:signing-alias"],
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

    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 409, 409]);
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

  test("keeps what the database has taken, even when it was lost before it could say so", async () => {
    const database = await openTestDatabase();
    const losing: Database = {
      ...database,
      async transact(body) {
        const result = await database.transact(body);
        if ((await PackageRun.count()) === 0) return result;
        throw new Error("the database was lost while it committed");
      },
    };
    const api = await startApi({ services: { database: losing } });

    const { status } = await uploadPackage(api);

    expect(status).toBe(500);
    const { originalKey } = await PackageVersion.findOne({ rejectOnEmpty: true });
    expect(await api.services.objects.head(originalKey)).toBeDefined();
  });

  test("says so when the end of a form came so late that its file was removed", async () => {
    const api = await startApi();
    const { objects, database } = api.services;
    const put = objects.put.bind(objects);
    objects.put = async (key, ...given) => {
      const written = await put(key, ...given);
      await forgetStaged(database, key);
      await objects.delete(key);
      return written;
    };

    const { status, body } = await uploadPackage(api);

    expect({ status, body }).toMatchObject({ status: 408, body: { code: "request/too-slow" } });
    expect(await kept(api)).toEqual(NOTHING);
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
