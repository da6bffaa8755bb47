import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import {
  MAX_PART_BYTES,
  PartMissing,
  UploadMissing,
  type ObjectStore,
} from "../../../../platform/objects/index.ts";
import {
  PART,
  digestOf,
  endless,
  inChunks,
  readKey,
  readWhole,
  refusalOf,
  word,
} from "./reading.ts";

/** Writing in parts. */
export function partsSuite(open: () => Promise<ObjectStore>): void {
  let store: ObjectStore;
  beforeAll(async () => {
    store = await open();
  });

  describe("parts", () => {
    test("are joined by number, whatever the order they came in, the last of each number", async () => {
      const key = `${word()}/上传`;
      const [first, replaced, second] = [
        randomBytes(PART),
        randomBytes(PART),
        randomBytes(PART + 1),
      ];
      const upload = await store.startParts(key, {
        contentType: "text/plain",
        metadata: { name: "文件" },
      });

      const three = await store.putPart(upload, 3, Buffer.from("tail"));
      await store.putPart(upload, 2, replaced);
      const two = await store.putPart(upload, 2, inChunks(second));
      const one = await store.putPart(upload, 1, inChunks(first));
      expect(await store.head(key)).toBeUndefined();
      const facts = await store.completeParts(upload, [three, one, two]);

      const whole = Buffer.concat([first, second, Buffer.from("tail")]);
      const known = { key, contentType: "text/plain", metadata: { name: "文件" } };
      expect(facts).toMatchObject({ ...known, bytes: whole.length });
      expect(two).toMatchObject({ number: 2, bytes: PART + 1 });
      const { facts: shown, content } = await readWhole(store, key);
      expect(shown).toMatchObject(known);
      expect(digestOf(content)).toBe(digestOf(whole));
      expect(await store.discardUnfinished(key)).toBe(0);
    });

    test("that were never written cannot be completed", async () => {
      const upload = await store.startParts(word());
      const part = await store.putPart(upload, 1, Buffer.from("x"));

      await expect(store.completeParts(upload, [])).rejects.toThrow(PartMissing);
      const absent = { ...part, number: 2 };
      await expect(store.completeParts(upload, [absent])).rejects.toThrow(PartMissing);

      expect(await store.head(upload.key)).toBeUndefined();
    });

    test("that were replaced never come under the name of the new one, nor the other way", async () => {
      const upload = await store.startParts(word());
      const old = await store.putPart(upload, 1, Buffer.from("old"));
      await store.putPart(upload, 1, Buffer.from("new"));

      const completed = await store.completeParts(upload, [old]).catch((error: unknown) => error);

      const shown = await store
        .head(upload.key)
        .then((facts) => facts && readKey(store, upload.key));
      expect([shown?.text, completed instanceof PartMissing]).toBeOneOf([
        ["old", false],
        [undefined, true],
      ]);
    });

    test("are larger than a store will hold in memory: refused", async () => {
      const upload = await store.startParts(word());

      const part = store.putPart(upload, 1, endless(MAX_PART_BYTES + 1));

      expect(await refusalOf(part)).toBe("request/too-large");
    });

    test("of an upload that was discarded are refused", async () => {
      const upload = await store.startParts(word());
      const part = await store.putPart(upload, 1, Buffer.from("x"));

      const discarded = await store.discardUnfinished(upload.key);

      expect(discarded).toBe(1);
      await expect(store.putPart(upload, 2, Buffer.from("y"))).rejects.toThrow(UploadMissing);
      await expect(store.completeParts(upload, [part])).rejects.toThrow(UploadMissing);
      expect(await store.head(upload.key)).toBeUndefined();
    });
  });
}
