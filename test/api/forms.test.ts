import { text } from "node:stream/consumers";
import { describe, expect, test, vi } from "vitest";
import { route } from "../../api/route.ts";
import { refusal } from "../../domain/errors.ts";
import {
  BOUNDARY,
  FILE,
  formHeaders,
  type Parts,
  sha256,
  startUploads,
  uploading,
} from "../support/forms.ts";
import { formBytes } from "../support/http.ts";

describe("a form", () => {
  test.each<[string, Parts]>([
    ["the file last", [["name", "n"], ["note", "é"], FILE]],
    ["the file first", [FILE, ["note", "é"], ["name", "n"]]],
    ["the file between", [["name", "n"], FILE, ["note", "é"]]],
  ])("may have %s", async (_, parts) => {
    const { upload } = uploading();
    const { post } = await startUploads({ upload });

    expect(await post(formBytes(BOUNDARY, parts))).toMatchObject({
      status: 202,
      body: { name: "n", text: "content", file_name: "a.zip" },
    });
  });

  test("may name its file in any script, and it arrives as it was written", async () => {
    const { upload } = uploading();
    const { post } = await startUploads({ upload });
    const fileName = "../年度 🚀.apk";

    const { body } = await post(
      formBytes(BOUNDARY, [
        ["name", "n"],
        ["file", { fileName, content: "c" }],
      ]),
    );

    expect(body.file_name).toBe(fileName);
  });

  test("is refused with all faults of its fields and its file at once", async () => {
    const { upload } = uploading();
    const { post } = await startUploads({ upload });

    const { status, body } = await post(
      formBytes(BOUNDARY, [
        ["note", "too long"],
        ["more", "x"],
        ["avatar", { fileName: "a.png", content: "x" }],
      ]),
    );

    expect(status).toBe(422);
    expect(body.code).toBe("request/invalid");
    expect(body.issues).toHaveLength(5);
    expect(body.issues).toEqual(
      expect.arrayContaining([
        { path: "name", in: "body", message: "is missing" },
        { path: "note", in: "body", message: expect.any(String) as string },
        { path: "more", in: "body", message: "is not known here" },
        { path: "avatar", in: "body", message: "is not known here" },
        { path: "file", in: "body", message: "is missing" },
      ]),
    );
  });

  test("with bad fields gives back what was stored", async () => {
    const { upload, discarded } = uploading();
    const { post } = await startUploads({ upload });

    const { status, body } = await post(formBytes(BOUNDARY, [FILE]));

    expect(status).toBe(422);
    expect(body.issues).toEqual([{ path: "name", in: "body", message: "is missing" }]);
    expect(discarded).toEqual([{ sha256: sha256("content"), text: "content" }]);
  });

  test("with a field or the file twice is refused", async () => {
    const { upload, discarded } = uploading();
    const { post } = await startUploads({ upload });

    const { status, body } = await post(
      formBytes(BOUNDARY, [["name", "a"], ["name", "b"], FILE, FILE]),
    );

    expect(status).toBe(422);
    expect(body.issues).toEqual([
      { path: "name", in: "body", message: "is given twice" },
      { path: "file", in: "body", message: "is given twice" },
    ]);
    expect(discarded).toHaveLength(1);
  });

  test("whose file is a text field is told so", async () => {
    const { upload } = uploading();
    const { post } = await startUploads({ upload });

    const { body } = await post(
      formBytes(BOUNDARY, [
        ["name", "n"],
        ["file", "text"],
      ]),
    );

    expect(body.issues).toEqual([{ path: "file", in: "body", message: "must be a file" }]);
  });

  test("with a field beyond 64 KiB is refused", async () => {
    const { upload } = uploading();
    const { post } = await startUploads({ upload });

    const { status, body } = await post(
      formBytes(BOUNDARY, [["name", "n".repeat(64 * 1024 + 1)], FILE]),
    );

    expect(status).toBe(422);
    expect(body.issues).toEqual([
      { path: "name", in: "body", message: "has more than 65536 bytes" },
    ]);
  });

  test("with too many fields is refused with 413", async () => {
    const { upload } = uploading();
    const { post } = await startUploads({ upload });
    const fields = Array.from({ length: 40 }, (_, index): Parts[number] => [`f${index}`, "x"]);

    expect(await post(formBytes(BOUNDARY, [...fields, FILE]))).toMatchObject({
      status: 413,
      body: { code: "request/too-large" },
    });
  });

  test("cannot smuggle __proto__ in", async () => {
    const { upload } = uploading();
    const { post } = await startUploads({ upload });

    const { status } = await post(formBytes(BOUNDARY, [["name", "n"], ["__proto__", "x"], FILE]));

    expect(status).toBe(422);
  });

  test.each<[string, Buffer, Record<string, string>, number, string]>([
    [
      "of another type",
      Buffer.from("{}"),
      { "Content-Type": "application/json" },
      415,
      "request/unsupported-media-type",
    ],
    [
      "without a boundary",
      Buffer.from("x"),
      { "Content-Type": "multipart/form-data" },
      400,
      "request/malformed",
    ],
    [
      "that is compressed",
      formBytes(BOUNDARY, [FILE]),
      { "Content-Encoding": "gzip" },
      415,
      "request/unsupported-media-type",
    ],
    [
      "that ends before its last boundary",
      formBytes(BOUNDARY, [["name", "n"], FILE]).subarray(0, -12),
      {},
      400,
      "request/cut-short",
    ],
    [
      "that ends within its file",
      formBytes(BOUNDARY, [["name", "n"], FILE]).subarray(0, -20),
      {},
      400,
      "request/cut-short",
    ],
    [
      "that ends within a field",
      formBytes(BOUNDARY, [FILE, ["name", "nnnnnnnn"]]).subarray(0, -20),
      {},
      400,
      "request/cut-short",
    ],
    ["that is empty", Buffer.from("\r\n"), {}, 400, "request/cut-short"],
  ])("%s is refused", async (_, bytes, headers, status, code) => {
    const { upload, stored, discarded } = uploading();
    const { post } = await startUploads({ upload });

    expect(await post(bytes, headers)).toMatchObject({ status, body: { code } });
    expect(discarded).toHaveLength(stored.length);
  });
});

describe("a file that is too large", () => {
  test("is refused before it comes when the length says so", async () => {
    const { upload } = uploading();
    const { post } = await startUploads({ upload });
    const content = Buffer.alloc(3 * 1024 * 1024);

    const { status, headers, body } = await post(
      formBytes(BOUNDARY, [["file", { fileName: "a", content }]]),
    );

    expect({ status, body }).toMatchObject({
      status: 413,
      body: { code: "request/too-large", limit: 1000 },
    });
    expect(headers.connection).toBe("close");
  });

  test("is refused as soon as it shows", async () => {
    const { upload, stored } = uploading();
    const { post } = await startUploads({ upload });
    const bytes = (length: number) =>
      formBytes(BOUNDARY, [
        ["name", "n"],
        ["file", { fileName: "a", content: Buffer.alloc(length) }],
      ]);

    expect((await post(bytes(1000))).status).toBe(202);
    expect(await post(bytes(1001))).toMatchObject({
      status: 413,
      body: { code: "request/too-large" },
    });
    expect(stored).toHaveLength(1);
  });
});

describe("a store that fails", () => {
  test("ends the upload, and its refusal is heard", async () => {
    const { upload } = uploading(() =>
      Promise.reject(refusal("platform/storage-full", "There is no room for this file.")),
    );
    const { post } = await startUploads({ upload });

    expect(await post(formBytes(BOUNDARY, [["name", "n"], FILE]))).toMatchObject({
      status: 507,
      body: { code: "platform/storage-full" },
    });
  });

  test("because the file was read and is no good is told together with bad fields", async () => {
    const { upload } = uploading(async (file) => {
      await text(file);
      throw refusal("packages/not-an-archive", "This is no ZIP archive.");
    });
    const { post } = await startUploads({ upload });

    const alone = await post(formBytes(BOUNDARY, [FILE, ["name", "n"]]));
    const beside = await post(formBytes(BOUNDARY, [FILE, ["name", ""]]));

    expect(alone).toMatchObject({ status: 422, body: { code: "packages/not-an-archive" } });
    expect(beside.body).toMatchObject({ code: "request/invalid" });
    expect(beside.body.issues).toMatchObject([
      { path: "name" },
      { path: "file", message: "This is no ZIP archive." },
    ]);
  });

  test("that does not read its file does not hold the form up", async () => {
    const { upload } = uploading(async () => ({ sha256: "", text: "unread" }));
    const { post } = await startUploads({ upload });

    expect(await post(formBytes(BOUNDARY, [FILE, ["name", "n"]]))).toMatchObject({
      status: 202,
      body: { text: "unread" },
    });
  });

  test("to discard is logged, and the client hears its own fault", async () => {
    const upload = route({
      ...uploading().upload,
      handle: async ({ receive }) =>
        receive(
          async (file) => ({ sha256: sha256(await text(file)) }),
          () => Promise.reject(new Error("the disk is gone")),
        ) as never,
    });
    const { api, post } = await startUploads({ upload });

    expect((await post(formBytes(BOUNDARY, [FILE]))).status).toBe(422);
    expect(JSON.stringify(api.logged)).toContain("the disk is gone");
  });
});

describe("a client that goes in the middle of its upload", () => {
  test("fails the stream of its file, and nothing is logged as an error", async () => {
    let fault: unknown;
    let arrived = () => {};
    const here = new Promise<void>((resolve) => (arrived = resolve));
    const { upload, stored } = uploading(async (file) => {
      file.once("readable", () => arrived());
      try {
        return { sha256: "", text: await text(file) };
      } catch (error) {
        fault = error;
        throw error;
      }
    });
    const { api } = await startUploads({ upload });
    const client = new AbortController();
    const [head] = formBytes(BOUNDARY, [FILE]).toString().split("content");
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from(`${head}con`)),
    });

    const asked = fetch(`${api.address}/upload`, {
      method: "POST",
      headers: formHeaders(api),
      body,
      signal: client.signal,
      duplex: "half",
    });
    await here;
    client.abort();
    await expect(asked).rejects.toThrow(/aborted/);

    await vi.waitFor(() => expect(fault).toMatchObject({ type: "request/cut-short" }), 20_000);
    expect(stored).toEqual([]);
    expect(api.logged.filter(({ level }) => (level as number) >= 40)).toEqual([]);
  });
});
