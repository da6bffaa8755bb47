import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { route, type Routes } from "../../api/route.ts";
import { refusal } from "../../domain/errors.ts";
import { ADMIN, startApi, type StartedApi, STRANGER } from "../support/api.ts";
import { formBytes, send, sendBytes } from "../support/http.ts";

const BOUNDARY = "----b";
const run = promisify(execFile);
const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");

interface Stored {
  sha256: string;
  text: string;
}

/** A route that takes a form; what its store made and what was discarded is remembered. */
function uploading(
  store: (file: Readable) => Promise<Stored> = async (file) => {
    const content = await text(file);
    return { sha256: sha256(content), text: content };
  },
) {
  const discarded: Stored[] = [];
  const stored: Stored[] = [];
  const upload = route({
    method: "post",
    path: "/upload",
    summary: "An upload",
    access: "packages:upload",
    form: z.strictObject({ name: z.string().min(1), note: z.string().max(5).optional() }),
    fileBytes: () => 1000,
    returns: [202, z.strictObject({ name: z.string(), text: z.string(), file_name: z.string() })],
    async handle({ receive }) {
      const keep = async (file: Readable) => {
        const made = await store(file);
        stored.push(made);
        return made;
      };
      const { fields, file, fileName } = await receive(keep, async (made) => discarded.push(made));
      return { name: fields.name, text: file.text, file_name: fileName };
    },
  });
  return { upload, stored, discarded };
}

type Parts = Parameters<typeof formBytes>[1];
const FILE: Parts[number] = ["file", { fileName: "a.zip", content: "content" }];

async function start(routes: Routes) {
  const api = await startApi({ routes });
  const post = async (body: Buffer, headers: Record<string, string> = {}) => {
    const answer = await send(api.address, {
      method: "POST",
      path: "/upload",
      headers: { ...formHeaders(api), "Content-Length": `${body.length}`, ...headers },
      body,
    });
    return { ...answer, body: JSON.parse(answer.text) };
  };
  return { api, post };
}

function formHeaders(api: StartedApi) {
  return {
    Authorization: `Bearer ${api.tokenOf(ADMIN)}`,
    "Content-Type": `multipart/form-data; boundary=${BOUNDARY}`,
  };
}

describe("a form", () => {
  test.each<[string, Parts]>([
    ["the file last", [["name", "n"], ["note", "é"], FILE]],
    ["the file first", [FILE, ["note", "é"], ["name", "n"]]],
    ["the file between", [["name", "n"], FILE, ["note", "é"]]],
  ])("may have %s", async (_, parts) => {
    const { upload } = uploading();
    const { post } = await start({ upload });

    expect(await post(formBytes(BOUNDARY, parts))).toMatchObject({
      status: 202,
      body: { name: "n", text: "content", file_name: "a.zip" },
    });
  });

  test("may name its file in any script, and it arrives as it was written", async () => {
    const { upload } = uploading();
    const { post } = await start({ upload });
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
    const { post } = await start({ upload });

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
    const { post } = await start({ upload });

    const { status, body } = await post(formBytes(BOUNDARY, [FILE]));

    expect(status).toBe(422);
    expect(body.issues).toEqual([{ path: "name", in: "body", message: "is missing" }]);
    expect(discarded).toEqual([{ sha256: sha256("content"), text: "content" }]);
  });

  test("with a field or the file twice is refused", async () => {
    const { upload, discarded } = uploading();
    const { post } = await start({ upload });

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
    const { post } = await start({ upload });

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
    const { post } = await start({ upload });

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
    const { post } = await start({ upload });
    const fields = Array.from({ length: 40 }, (_, index): Parts[number] => [`f${index}`, "x"]);

    expect(await post(formBytes(BOUNDARY, [...fields, FILE]))).toMatchObject({
      status: 413,
      body: { code: "request/too-large" },
    });
  });

  test("cannot smuggle __proto__ in", async () => {
    const { upload } = uploading();
    const { post } = await start({ upload });

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
    const { post } = await start({ upload });

    expect(await post(bytes, headers)).toMatchObject({ status, body: { code } });
    expect(discarded).toHaveLength(stored.length);
  });
});

describe("a file that is too large", () => {
  test("is refused before it comes when the length says so", async () => {
    const { upload } = uploading();
    const { post } = await start({ upload });
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
    const { post } = await start({ upload });
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
    const { post } = await start({ upload });

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
    const { post } = await start({ upload });

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
    const { post } = await start({ upload });

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
    const { api, post } = await start({ upload });

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
    const { api } = await start({ upload });
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

    await vi.waitFor(() => expect(fault).toMatchObject({ type: "request/cut-short" }));
    expect(stored).toEqual([]);
    expect(api.logged.filter(({ level }) => (level as number) >= 40)).toEqual([]);
  });
});

describe("a client that uploads much and is refused early", () => {
  async function bigFile(bytes: number): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "longhaul-forms-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, "big");
    const handle = await open(file, "w");
    await handle.truncate(bytes);
    await handle.close();
    return file;
  }

  test.each([
    ["waits for 100 Continue", "Expect: 100-continue"],
    ["sends at once", "Expect:"],
    ["sends at once and in chunks", "Transfer-Encoding: chunked", "Expect:"],
  ])("and %s hears the answer: curl shows it", async (_, ...headers) => {
    const { upload } = uploading();
    const { api } = await start({ upload });
    const file = await bigFile(200 * 1024 * 1024);

    const { stdout } = await run("curl", [
      "--silent",
      "--show-error",
      "--max-time",
      "20",
      ...["Authorization: Bearer " + api.tokenOf(STRANGER), ...headers].flatMap((h) => ["-H", h]),
      "-F",
      `file=@${file}`,
      `${api.address}/upload`,
    ]);

    expect(JSON.parse(stdout)).toMatchObject({ code: "accounts/not-allowed" });
  });

  test("by its store hears the answer: curl shows it", async () => {
    const { upload } = uploading(() =>
      Promise.reject(refusal("platform/storage-full", "There is no room for this file.")),
    );
    const { api } = await start({ upload: route({ ...upload, fileBytes: () => 1024 ** 3 }) });
    const file = await bigFile(200 * 1024 * 1024);

    const { stdout } = await run("curl", [
      "--silent",
      "--show-error",
      "-H",
      `Authorization: Bearer ${api.tokenOf(ADMIN)}`,
      "-F",
      `file=@${file}`,
      `${api.address}/upload`,
    ]);

    expect(JSON.parse(stdout)).toMatchObject({ code: "platform/storage-full" });
  });

  test("is not read to its end", async () => {
    const { upload } = uploading();
    const { api } = await start({ upload });
    const chunk = Buffer.alloc(1024 * 1024);

    const answer = await sendBytes(
      api.address,
      `POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: ${20 * 1024 ** 3}\r\n\r\n`,
      ...Array.from({ length: 4 }, () => chunk),
    );

    expect(answer).toContain("HTTP/1.1 401");
    expect(answer).toMatch(/connection: close/i);
    expect(answer).toContain("accounts/not-signed-in");
  });
});
