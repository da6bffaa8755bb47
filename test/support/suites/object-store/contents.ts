import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { beforeAll, describe, expect, test } from "vitest";
import { type ObjectStore } from "../../../../platform/objects/index.ts";
import {
  PART,
  byBytes,
  digestOf,
  inChunks,
  listed,
  readKey,
  readWhole,
  refusalOf,
  text,
  word,
} from "./reading.ts";

/** What is put is what is read, under every key. */
export function contentsSuite(open: () => Promise<ObjectStore>): void {
  let store: ObjectStore;
  beforeAll(async () => {
    store = await open();
  });

  describe("put and open", () => {
    test("keeps bytes, type and metadata in any language", async () => {
      const key = `notes/${word()}/说明 📦.txt`;
      const metadata = { title: "发布 ✨ 100%", empty: "", lines: "one\ntwo" };

      const written = await store.put(key, "hello", { contentType: "text/plain", metadata });

      expect(written).toEqual({ bytes: 5, sha256: digestOf("hello") });
      const facts = { key, bytes: 5, contentType: "text/plain", metadata };
      expect(await store.head(key)).toMatchObject(facts);
      expect(await readKey(store, key)).toEqual({
        facts: expect.objectContaining(facts),
        text: "hello",
      });
    });

    test("calls what nobody named an octet stream, changed just now", async () => {
      const key = word();

      await store.put(key, new Uint8Array([1, 2, 3]));

      const facts = await store.head(key);
      expect(facts).toMatchObject({ contentType: "application/octet-stream", metadata: {} });
      expect(Math.abs(facts!.modifiedAt.getTime() - Date.now())).toBeLessThan(60_000);
    });

    test("keeps an object of no bytes", async () => {
      const key = word();

      const written = await store.put(key, Readable.from([]));

      expect(written).toEqual({ bytes: 0, sha256: digestOf("") });
      expect(await readKey(store, key)).toMatchObject({ facts: { bytes: 0 }, text: "" });
    });

    test("streams more than one part through, hashed, and says how far it is", async () => {
      const key = word();
      const content = randomBytes(2 * PART + 12_345);
      const seen: number[] = [];

      const written = await store.put(key, inChunks(content), {
        onProgress: (n) => seen.push(n),
      });

      expect(written).toEqual({ bytes: content.length, sha256: digestOf(content) });
      expect(seen.at(-1)).toBe(content.length);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      expect(digestOf((await readWhole(store, key)).content)).toBe(digestOf(content));
    });

    test("gives any range of an object, more than one at a time", async () => {
      const key = word();
      await store.put(key, "0123456789");

      const object = (await store.open(key))!;
      const ranges = [
        { start: 0, end: 0 },
        { start: 2, end: 5 },
        { start: 9, end: 9 },
        { start: 0, end: 9 },
      ];
      const texts = await Promise.all(ranges.map(async (range) => text(await object.read(range))));
      await object.close();

      expect(texts).toEqual(["0", "2345", "9", "0123456789"]);
      await expect(object.read({ start: 5, end: 10 })).rejects.toThrow(RangeError);
      await expect(object.read({ start: 6, end: 5 })).rejects.toThrow(RangeError);
    });

    test("shows nothing under a key that was never written", async () => {
      const key = word();

      expect(await store.open(key)).toBeUndefined();
      expect(await store.head(key)).toBeUndefined();
    });

    test("keeps odd keys apart", async () => {
      const folder = word();
      const keys = [
        ...`a A a/b a//b a/ /a a/./b a/../b .. . ../../up a= a+ a%2Fb a+b % %00 '"<&>?#`.split(" "),
        "a b",
        "back\\slash",
        "new\nline",
        "\u0001",
        "\uffff",
        "é",
        "e\u0301",
        "😀".repeat(60),
        "x".repeat(255),
      ].map((odd) => `${folder}/${odd}`);

      // One after the other: the test server sometimes leaves a key out of its lists when `..` and what is below it come at once.
      for (const key of keys) await store.put(key, `under ${key}`);

      for (const key of keys)
        expect(await readKey(store, key)).toMatchObject({ text: `under ${key}` });
      expect(await listed(store, `${folder}/`)).toEqual(byBytes(keys));
      await Promise.all(keys.map((key) => store.delete(key)));
      expect(await listed(store, `${folder}/`)).toEqual([]);
    });

    test.each([
      ["nothing", ""],
      ["NUL", "a\0b"],
      ["a lone surrogate", "a\ud800"],
      ["1,001 bytes", "é".repeat(500) + "x"],
    ])("refuses a key of %s", async (_, key) => {
      expect(await refusalOf(store.put(key, "x"))).toBe("request/invalid");
      expect(await refusalOf((async () => store.head(key))())).toBe("request/invalid");
    });
  });
}
