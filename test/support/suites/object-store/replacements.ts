import { createHash, randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import {
  ObjectMissing,
  ObjectReplaced,
  type ObjectStore,
} from "../../../../platform/objects/index.ts";
import { PART, digestOf, readKey, readWhole, text, word } from "./reading.ts";

/** A key changes hands in one step, whoever reads and writes. */
export function replacementsSuite(open: () => Promise<ObjectStore>): void {
  let store: ObjectStore;
  beforeAll(async () => {
    store = await open();
  });

  describe("replace", () => {
    test("shows the new bytes with the new facts at once", async () => {
      const key = word();
      await store.put(key, "old", {
        contentType: "text/old",
        metadata: { version: "1", gone: "x" },
      });

      await store.put(key, "newer", { contentType: "text/new", metadata: { version: "2" } });

      expect(await readKey(store, key)).toMatchObject({
        facts: { bytes: 5, contentType: "text/new", metadata: { version: "2" } },
        text: "newer",
      });
      expect((await store.head(key))!.metadata).toEqual({ version: "2" });
    });

    test("an opened object gives its own bytes or says that it was replaced", async () => {
      const key = word();
      await store.put(key, "old");
      const object = (await store.open(key))!;
      await store.put(key, "new");

      const read = await object.read().then(text, (error: unknown) => error);
      await object.close();

      expect(read === "old" || read instanceof ObjectReplaced).toBe(true);
    });

    test("an opened object that is deleted gives its own bytes or says that it is gone", async () => {
      const key = word();
      await store.put(key, "old");
      const object = (await store.open(key))!;
      await store.delete(key);

      const read = await object.read().then(text, (error: unknown) => error);
      await object.close();

      expect(read === "old" || read instanceof ObjectReplaced).toBe(true);
    });

    test("a reader in the middle of an object goes on with the same object", async () => {
      const key = word();
      const old = Buffer.alloc(3 * PART, "o");
      await store.put(key, old);
      const object = (await store.open(key))!;

      const hash = createHash("sha256");
      let chunks = 0;
      for await (const chunk of await object.read()) {
        if (chunks++ === 0) await store.put(key, Buffer.alloc(3 * PART, "n"));
        hash.update(chunk as Buffer);
      }
      await object.close();

      expect(hash.digest("hex")).toBe(digestOf(old));
    });

    test("readers meet one whole version each while the object is replaced again and again", async () => {
      const key = `${word()}/live`;
      const version = async (number: number) => {
        const content = Buffer.alloc(70_000 + number, String(number));
        const from = `${key}.${number}`;
        await store.put(from, content, { metadata: { sha256: digestOf(content) } });
        await store.copy(from, key);
      };
      await version(0);
      const replacing = new AbortController();
      let reads = 0;
      const reader = async () => {
        while (!replacing.signal.aborted) {
          const { facts, content } = await readWhole(store, key);
          expect(digestOf(content)).toBe(facts.metadata["sha256"]);
          expect(content.length).toBe(facts.bytes);
          reads++;
        }
      };

      const readers = [reader(), reader(), reader(), reader()];
      for (let number = 1; number <= 20; number++) await version(number);
      replacing.abort();
      await Promise.all(readers);

      expect(reads).toBeGreaterThan(0);
      expect((await readWhole(store, key)).content.length).toBe(70_020);
    });

    test("of many writers at once one wins, with all of its own", async () => {
      const key = `${word()}/contested`;
      const contents = Array.from({ length: 8 }, (_, number) => `${number}`.repeat(1000 + number));
      const write = (content: string) =>
        store.put(key, content, { metadata: { sha256: digestOf(content) } });
      await store.put(`${key}.source`, contents[0]!, {
        metadata: { sha256: digestOf(contents[0]!) },
      });

      await Promise.all([
        ...contents.map(write),
        ...contents.map(() => store.copy(`${key}.source`, key)),
      ]);

      const { facts, content } = await readWhole(store, key);
      expect(facts.metadata["sha256"]).toBe(digestOf(content));
      expect(contents).toContain(content.toString());
    });
  });

  describe("copy", () => {
    test("takes type and metadata along, or replaces what is given", async () => {
      const from = word();
      await store.put(from, "text", { contentType: "text/plain", metadata: { a: "1", b: "2" } });

      await store.copy(from, `${from}.same`);
      const copied = await store.copy(from, `${from}.other`, { metadata: { c: "三" } });

      const same = { bytes: 4, contentType: "text/plain", metadata: { a: "1", b: "2" } };
      const other = { ...same, metadata: { c: "三" } };
      expect(await readKey(store, `${from}.same`)).toMatchObject({ facts: same, text: "text" });
      expect(await readKey(store, `${from}.other`)).toMatchObject({ facts: other, text: "text" });
      expect(copied).toMatchObject({ key: `${from}.other`, ...other });
      expect((await store.head(from))!.metadata).toEqual({ a: "1", b: "2" });
    });

    test("lives on when its source is replaced and deleted", async () => {
      const from = word();
      await store.put(from, "first");
      await store.copy(from, `${from}.copy`);

      await store.put(from, "second");
      await store.delete(from);

      expect(await readKey(store, `${from}.copy`)).toMatchObject({ text: "first" });
    });

    test("of an object onto itself changes its facts alone", async () => {
      const key = word();
      await store.put(key, "text", { metadata: { state: "old" } });

      await store.copy(key, key, { contentType: "text/plain", metadata: { state: "new" } });

      const facts = { contentType: "text/plain", metadata: { state: "new" } };
      expect(await readKey(store, key)).toMatchObject({ facts, text: "text" });
    });

    test("of a large object is whole, with its facts", async () => {
      const from = `${word()}/大`;
      const content = randomBytes(2 * PART + 777);
      await store.put(from, content, { contentType: "text/plain", metadata: { a: "中" } });
      const seen: number[] = [];

      await store.copy(from, `${from}.copy`, { onProgress: (bytes) => seen.push(bytes) });

      const { facts, content: copied } = await readWhole(store, `${from}.copy`);
      expect(facts).toMatchObject({ contentType: "text/plain", metadata: { a: "中" } });
      expect(digestOf(copied)).toBe(digestOf(content));
      expect(seen.at(-1)).toBe(content.length);
    });

    test("of nothing says that the object is missing, and makes nothing", async () => {
      const key = word();

      await expect(store.copy(`${key}.absent`, key)).rejects.toThrow(ObjectMissing);

      expect(await store.head(key)).toBeUndefined();
      expect(await store.discardUnfinished(key)).toBe(0);
    });

    test("that is aborted makes nothing", async () => {
      const key = word();
      await store.put(key, "text");

      const copy = store.copy(key, `${key}.copy`, { signal: AbortSignal.abort() });

      await expect(copy).rejects.toThrow("abort");
      expect(await store.head(`${key}.copy`)).toBeUndefined();
    });
  });
}
