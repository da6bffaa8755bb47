import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLineReader, cutText, LINE_BYTES, type LineFlow } from "../../platform/lines.ts";

function read(chunks: (string | Buffer)[], flow?: LineFlow): string[] {
  const lines: string[] = [];
  const reader = createLineReader((line) => lines.push(line), flow);
  for (const chunk of chunks) reader.push(Buffer.from(chunk as string));
  reader.end();
  return lines;
}

describe("lines", () => {
  test("end with LF, CR LF, or the CR of a progress bar", () => {
    expect(read(["one\ntwo\r\n\n10%\r20%\rend"])).toEqual(["one", "two", "", "10%", "20%", "end"]);
  });

  test("are the same however the bytes arrive", () => {
    const bytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    const texts = fc
      .constantFrom("\r", "\n", "\r\n", "a", "包", "")
      .map((text) => Buffer.from(text));
    const arrivals = fc.array(fc.oneof(bytes, texts), { maxLength: 20 });

    fc.assert(
      fc.property(arrivals, (chunks) => {
        expect(read(chunks)).toEqual(read([Buffer.concat(chunks)]));
      }),
    );
  });

  test("that are not UTF-8 are read all the same", () => {
    expect(read([Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a, 0xe5, 0x8c])])).toEqual(["a��b", "�"]);
  });

  test("keep 8 KiB and say how much is missing", () => {
    const [long, next] = read(["包".repeat(5000), "包".repeat(5000), "\nnext\n"]);

    expect(long).toBe(`${"包".repeat(2730)} … ${30_000 - 8190} bytes cut …`);
    expect(next).toBe("next");
  });

  test("of exactly 8 KiB are whole", () => {
    expect(read(["x".repeat(LINE_BYTES), "\n"])).toEqual(["x".repeat(LINE_BYTES)]);
  });

  test("of a flood are dropped but for its beginning, a share, and its very end", () => {
    const flow = { fullBytes: 100, bytesPerSecond: 0 };
    const chunks = ["first\n".repeat(20), ...Array(5000).fill("flood\n"), "the end\n"] as string[];

    const lines = read(chunks, flow);

    expect(lines.slice(0, 20)).toEqual(Array(20).fill("first"));
    expect(lines[20]).toMatch(/^… \d+ bytes cut …$/);
    expect(lines.at(-1)).toBe("the end");
    const cutBytes = Number(/\d+/.exec(lines[20]!)![0]);
    const keptBytes = lines.reduce((sum, line) => sum + line.length + 1, 0) - lines[20]!.length - 1;
    expect(cutBytes + keptBytes).toBe(chunks.join("").length);
  });
});

test("a text is cut between characters", () => {
  expect(cutText("aé包😀", 9)).toBe("aé包");
  expect(cutText("aé包😀", 10)).toBe("aé包😀");
  expect(cutText("😀", 3)).toBe("");
});
