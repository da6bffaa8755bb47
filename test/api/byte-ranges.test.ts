import * as fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { parseRanges } from "../../api/byte-ranges.ts";
import {
  AFTER,
  BEFORE,
  CONTENT,
  ETAG,
  MODIFIED,
  MODIFIED_TEXT,
  startFile,
  watch,
} from "../support/delivery.ts";

describe("one range", () => {
  test.each([
    ["bytes=0-0", "0-0", "0"],
    ["bytes=0-4", "0-4", "01234"],
    ["bytes=5-", "5-19", "56789abcdefghij"],
    ["bytes=-3", "17-19", "hij"],
    ["bytes=-100", "0-19", CONTENT.toString()],
    ["bytes=15-100", "15-19", "fghij"],
    ["bytes=15-99999999999999999999999", "15-19", "fghij"],
    ["BYTES=1-2", "1-2", "12"],
    ["bytes= 1-2 ", "1-2", "12"],
    ["bytes=,1-2,", "1-2", "12"],
    ["bytes=0-4,3-8", "0-8", "012345678"],
    ["bytes=0-4,5-8", "0-8", "012345678"],
    ["bytes=99-,0-1", "0-1", "01"],
  ])("%s is served as %s", async (range, served, text) => {
    const object = watch(CONTENT);
    const get = await startFile(object);

    const got = await get({ Range: range });

    expect(got.status).toBe(206);
    expect(got.headers["content-range"]).toBe(`bytes ${served}/20`);
    expect(got.headers["content-length"]).toBe(`${text.length}`);
    expect(got.headers.etag).toBe(`"${ETAG}"`);
    expect(got.text).toBe(text);
    expect(object.reads).toHaveLength(1);
    expect(object.closed).toBe(1);
  });

  test.each(["bytes=20-", "bytes=20-30", "bytes=-0", "bytes=99-,100-"])(
    "%s is beyond the file: 416 with its length",
    async (range) => {
      const object = watch(CONTENT);
      const get = await startFile(object);

      const { status, headers, text } = await get({ Range: range });

      expect(status).toBe(416);
      expect(headers["content-range"]).toBe("bytes */20");
      expect(JSON.parse(text)).toMatchObject({ code: "request/range-not-satisfiable" });
      expect(object.reads).toEqual([]);
      expect(object.closed).toBe(1);
    },
  );

  test.each([
    "bytes=4-2",
    "bytes=a-b",
    "bytes=1",
    "bytes=-",
    "bytes=",
    "bytes=1-2,4-2",
    "bytes=--2",
    "items=0-1",
    "bytes 0-1",
    `bytes=${Array.from({ length: 51 }, (_, index) => `${index % 20}-${index % 20}`).join(",")}`,
  ])("%s means nothing, and the whole file is sent", async (range) => {
    const get = await startFile();

    const { status, headers, bytes } = await get({ Range: range });

    expect(status).toBe(200);
    expect(headers["content-range"]).toBeUndefined();
    expect(bytes).toEqual(CONTENT);
  });

  test("of an empty file: a suffix is the empty whole, a first byte is not there", async () => {
    const get = await startFile(watch(Buffer.alloc(0)));

    expect((await get({ Range: "bytes=-5" })).status).toBe(200);
    expect((await get({ Range: "bytes=0-" })).status).toBe(416);
  });

  test("means nothing in a HEAD", async () => {
    const get = await startFile();

    const { status, headers } = await get({ Range: "bytes=0-1" }, "HEAD");

    expect({ status, length: headers["content-length"] }).toEqual({ status: 200, length: "20" });
  });

  test.each<[string, string, number]>([
    ["the tag", `"${ETAG}"`, 206],
    ["the tag made weak", `W/"${ETAG}"`, 200],
    ["another tag", '"x"', 200],
    ["the very time of the change", MODIFIED_TEXT, 206],
    ["a later time", AFTER, 200],
    ["an earlier time", BEFORE, 200],
    ["nonsense", "nonsense", 200],
  ])("with If-Range %s", async (_, ifRange, expected) => {
    const get = await startFile();

    const { status } = await get({ Range: "bytes=0-1", "If-Range": ifRange });

    expect(status).toBe(expected);
  });

  test("beyond the file is the whole file when If-Range does not hold", async () => {
    const get = await startFile();

    expect((await get({ Range: "bytes=99-", "If-Range": '"x"' })).status).toBe(200);
  });

  test("with If-Range naming the second that is not over is not trusted", async () => {
    vi.useFakeTimers({ now: MODIFIED, toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const get = await startFile();

    const { status } = await get({ Range: "bytes=0-1", "If-Range": MODIFIED_TEXT });

    expect(status).toBe(200);
  });
});

describe("many ranges", () => {
  test("come as multipart/byteranges, in the order asked for, with the right length", async () => {
    const object = watch(CONTENT);
    const get = await startFile(object);

    const { status, headers, text, bytes } = await get({ Range: "bytes=10-11, 0-1, -2" });

    const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(headers["content-type"]!)![1]!;
    expect(status).toBe(206);
    expect(headers["content-range"]).toBeUndefined();
    expect(headers["content-length"]).toBe(`${bytes.length}`);
    const parts = text.split(`\r\n--${boundary}`).slice(1);
    expect(parts.map((part) => part.trimStart())).toEqual([
      "Content-Type: application/zip\r\nContent-Range: bytes 10-11/20\r\n\r\nab",
      "Content-Type: application/zip\r\nContent-Range: bytes 0-1/20\r\n\r\n01",
      "Content-Type: application/zip\r\nContent-Range: bytes 18-19/20\r\n\r\nij",
      "--\r\n",
    ]);
    expect(object.closed).toBe(1);
  });

  test("that overlap are joined, so that no byte is sent twice", () => {
    expect(parseRanges("bytes=0-9,5-14,16-17", 20)).toEqual([
      { start: 0, end: 14 },
      { start: 16, end: 17 },
    ]);
  });

  test("never name a byte that is not there, nor one twice, whatever is asked", () => {
    const position = fc.option(fc.nat(30), { nil: "" as const });
    const asked = fc.array(fc.tuple(position, position), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(asked, fc.nat(25), (specs, bytes) => {
        const header = `bytes=${specs.map(([first, last]) => `${first}-${last}`).join(",")}`;
        const named = (parseRanges(header, bytes) ?? []).flatMap(({ start, end }) =>
          Array.from({ length: end - start + 1 }, (_, index) => start + index),
        );
        expect(named.every((position) => position >= 0 && position < bytes)).toBe(true);
        expect(new Set(named).size).toBe(named.length);
      }),
    );
  });
});
