import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { parse as parseDisposition } from "content-disposition";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Delivery } from "../../api/delivery.ts";
import { route } from "../../api/route.ts";
import { ObjectReplaced, type OpenedObject } from "../../platform/objects/index.ts";
import { startApi } from "../support/api.ts";
import {
  CONTENT,
  ETAG,
  MODIFIED_TEXT,
  startFile,
  watch,
  type Watched,
} from "../support/delivery.ts";
import type { Received } from "../support/http.ts";

/** The headers that are the same from call to call. */
function omit(headers: IncomingHttpHeaders, names: string[]) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

describe("a whole file", () => {
  test("comes with all that a client needs to come back", async () => {
    const object = watch(CONTENT);
    const get = await startFile(object);

    const { status, headers, bytes } = await get();

    expect(status).toBe(200);
    expect(bytes).toEqual(CONTENT);
    expect(headers).toMatchObject({
      "content-length": "20",
      "content-type": "application/zip",
      etag: `"${ETAG}"`,
      "last-modified": MODIFIED_TEXT,
      "accept-ranges": "bytes",
      "cache-control": "public, max-age=60",
      "content-disposition": 'attachment; filename="a.zip"',
      "x-content-type-options": "nosniff",
    });
    expect(object.closed).toBe(1);
  });

  test("that is empty is delivered as well", async () => {
    const object = watch(Buffer.alloc(0));
    const get = await startFile(object);

    const { status, headers } = await get();

    expect({ status, length: headers["content-length"] }).toEqual({ status: 200, length: "0" });
    expect(object.closed).toBe(1);
  });

  test("is described by HEAD with the same headers, and not a byte is read", async () => {
    const object = watch(CONTENT);
    const get = await startFile(object);

    const got = await get();
    object.reads.length = 0;
    const head = await get({}, "HEAD");

    const constant = ({ headers }: Received) =>
      omit(headers, ["date", "x-request-id", "ratelimit"]);
    expect(head.status).toBe(200);
    expect(head.bytes).toHaveLength(0);
    expect(constant(head)).toEqual(constant(got));
    expect(object.reads).toEqual([]);
    expect(object.closed).toBe(2);
  });
});

describe("a file's name", () => {
  test.each([
    ["report.zip", 'attachment; filename="report.zip"'],
    [
      "年度 报告.apk",
      "attachment; filename=\"__ __.apk\"; filename*=UTF-8''%E5%B9%B4%E5%BA%A6%20%E6%8A%A5%E5%91%8A.apk",
    ],
    ["🚀.zip", "attachment; filename=\"_.zip\"; filename*=UTF-8''%F0%9F%9A%80.zip"],
    ["é.zip", "attachment; filename=\"_.zip\"; filename*=UTF-8''%C3%A9.zip"],
    ['a"b.zip', 'attachment; filename="a\\"b.zip"'],
  ])("%s reaches old and new clients", async (fileName, expected) => {
    const get = await startFile(watch(CONTENT), { fileName });

    const disposition = (await get()).headers["content-disposition"]!;

    expect(disposition).toBe(expected);
    expect(parseDisposition(disposition).parameters).toMatchObject({ filename: fileName });
  });

  test.each(["a\r\nSet-Cookie: x=1.zip", "half \ud83d.zip", "100%41.zip"])(
    "that is hostile breaks nothing: %j",
    async (fileName) => {
      const get = await startFile(watch(CONTENT), { fileName });

      const { status, headers } = await get();

      expect(status).toBe(200);
      expect(headers["set-cookie"]).toBeUndefined();
      expect(headers["content-disposition"]).toMatch(/^attachment; filename=/);
    },
  );
});

describe("an object that changes or fails under our hands", () => {
  const replaced = (): Watched => {
    const object = watch(CONTENT);
    object.read = () => Promise.reject(new ObjectReplaced("k"));
    return object;
  };

  test("is opened anew before the first byte, and then is one whole version", async () => {
    const old = replaced();
    const fresh = watch(Buffer.from("fresh"));
    const get = await startFile(old, {
      reopen: async () => ({
        object: fresh,
        etag: "fresh",
        fileName: "b.zip",
        cacheControl: "no-cache",
      }),
    });

    const { status, headers, text } = await get();

    expect({ status, text }).toEqual({ status: 200, text: "fresh" });
    expect(headers).toMatchObject({
      etag: '"fresh"',
      "content-length": "5",
      "cache-control": "no-cache",
    });
    expect([old.closed, fresh.closed]).toEqual([1, 1]);
  });

  test("is opened anew as well when the store says so with the stream", async () => {
    const old = watch(CONTENT);
    old.read = async () =>
      new Readable({
        read() {
          this.destroy(new ObjectReplaced("k"));
        },
      });
    const fresh = watch(Buffer.from("fresh"));
    const get = await startFile(old, {
      reopen: async () => ({
        object: fresh,
        etag: "fresh",
        fileName: "b",
        cacheControl: "no-cache",
      }),
    });

    expect((await get()).text).toBe("fresh");
  });

  test("is not opened for ever", async () => {
    const opened: Watched[] = [];
    const reopen = async (): Promise<Delivery> => {
      const object = replaced();
      opened.push(object);
      return { object, etag: "x", fileName: "x", cacheControl: "no-cache", reopen };
    };
    const get = await startFile(replaced(), { reopen });

    const { status, headers } = await get();

    expect(status).toBe(503);
    expect(headers["retry-after"]).toBeDefined();
    expect(headers.etag).toBeUndefined();
    expect(opened.map(({ closed }) => closed)).toEqual([1, 1, 1, 1]);
  });

  test("that cannot be read at all is a failure, not half a file", async () => {
    const object = watch(CONTENT);
    object.read = () => Promise.reject(new Error("the disk is gone"));
    const get = await startFile(object);

    const { status, text, headers } = await get();

    expect(status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({ code: "platform/bug" });
    expect(headers["content-disposition"]).toBeUndefined();
    expect(object.closed).toBe(1);
  });

  test.each([
    ["gives fewer bytes than it has", [CONTENT.subarray(0, 5)]],
    ["fails in the middle", [CONTENT.subarray(0, 5), new Error("the disk is gone")]],
  ])("that %s breaks the answer off", async (_, pieces) => {
    const object = watch(CONTENT);
    object.read = async () =>
      Readable.from(
        (function* give() {
          for (const piece of pieces) {
            if (piece instanceof Error) throw piece;
            yield piece;
          }
        })(),
        { objectMode: false },
      );
    const get = await startFile(object);

    await expect(get()).rejects.toThrow(/aborted/);
    await vi.waitFor(() => expect(object.closed).toBe(1), 20_000);
  });
});

describe("a client", () => {
  /** Gives zeros as fast as they are taken, and counts them. */
  function endless(bytes: number) {
    const object = watch(Buffer.alloc(0));
    const given = { bytes: 0, stream: undefined as Readable | undefined };
    object.facts = { ...object.facts, bytes };
    object.read = async () => {
      given.stream = new Readable({
        read(size) {
          const chunk = Buffer.alloc(Math.min(size, bytes - given.bytes));
          given.bytes += chunk.length;
          this.push(chunk.length > 0 ? chunk : null);
        },
      });
      return given.stream;
    };
    return { object, given };
  }

  async function ask(object: OpenedObject) {
    const file = route({
      method: "get",
      path: "/file",
      summary: "A file",
      access: "public",
      returns: "delivery",
      handle: (): Delivery => ({ object, etag: "x", fileName: "x", cacheControl: "no-cache" }),
    });
    const api = await startApi({ routes: { file } });
    const { hostname, port } = new URL(api.address);
    const socket = connect(Number(port), hostname);
    onTestFinished(() => void socket.destroy());
    socket.write("GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "readable");
    return { api, socket };
  }

  test("that leaves before the last bytes was counted for nothing: that is taken back", async () => {
    const calls: number[] = [];
    const file = route({
      method: "get",
      path: "/file",
      summary: "A file",
      access: "public",
      returns: "delivery",
      handle: ({ signal }): Delivery => ({
        object: watch(CONTENT),
        etag: ETAG,
        fileName: "x",
        cacheControl: "no-cache",
        async count(times) {
          calls.push(times);
          socket.destroy();
          if (!signal.aborted) await once(signal, "abort");
        },
      }),
    });
    const api = await startApi({ routes: { file } });
    const { hostname, port } = new URL(api.address);
    const socket = connect(Number(port), hostname);

    socket.write("GET /file HTTP/1.1\r\nHost: x\r\n\r\n");

    await vi.waitFor(() => expect(calls).toEqual([1, -1]));
  });

  test("that does not read holds the source back", async () => {
    const { object, given } = endless(1024 ** 3);

    await ask(object);
    let before = -1;
    await vi.waitFor(() => {
      const now = given.bytes;
      const stands = now === before;
      before = now;
      expect(stands).toBe(true);
    }, 20_000);

    expect(given.bytes).toBeLessThan(64 * 1024 ** 2);
    expect(object.closed).toBe(0);
  });

  test("that goes closes the source", async () => {
    const { object, given } = endless(1024 ** 3);

    const { api, socket } = await ask(object);
    socket.destroy();

    await vi.waitFor(() => expect(object.closed).toBe(1), 20_000);
    expect(given.stream?.destroyed).toBe(true);
    expect(api.logged.filter(({ level }) => (level as number) >= 40)).toEqual([]);
  });
});
