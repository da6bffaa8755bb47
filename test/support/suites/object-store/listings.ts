import { beforeAll, describe, expect, test } from "vitest";
import { type ObjectStore } from "../../../../platform/objects/index.ts";
import { byBytes, listed, readKey, word } from "./reading.ts";

/** Finding and removing. */
export function listingsSuite(open: () => Promise<ObjectStore>): void {
  let store: ObjectStore;
  beforeAll(async () => {
    store = await open();
  });

  describe("delete and list", () => {
    test("deletes one key, and an absent one too", async () => {
      const key = word();
      await store.put(key, "x");
      await store.put(`${key}/below`, "y");

      await store.delete(key);
      await store.delete(key);

      expect(await store.head(key)).toBeUndefined();
      expect(await readKey(store, `${key}/below`)).toMatchObject({ text: "y" });
    });

    test("lists keys that begin with the prefix in the order of their bytes", async () => {
      const folder = word();
      const names = ["a", "a!", "a/b", "a/b/c", "a/é", "a0", "ab", "b", "😀", "￮", "z".repeat(100)];
      for (const key of names) await store.put(`${folder}/${key}`, key);

      const all = await listed(store, `${folder}/`);

      expect(all).toEqual(byBytes(names).map((key) => `${folder}/${key}`));
      const under = async (prefix: string) =>
        (await listed(store, `${folder}/${prefix}`)).map((key) => key.slice(folder.length + 1));
      expect(await under("a")).toEqual(["a", "a!", "a/b", "a/b/c", "a/é", "a0", "ab"]);
      expect(await under("a/")).toEqual(["a/b", "a/b/c", "a/é"]);
      expect(await under("a/b")).toEqual(["a/b", "a/b/c"]);
      expect(await under("zzz")).toEqual(["z".repeat(100)]);
      expect(await under("nothing/")).toEqual([]);
    });

    test("lists facts as `head` gives them", async () => {
      const key = word();
      await store.put(key, "x", { contentType: "text/plain", metadata: { a: "1" } });

      const facts = [];
      for await (const each of store.list(key)) facts.push(each);

      expect(facts).toEqual([await store.head(key)]);
    });

    test("lists many keys in one folder", async () => {
      const folder = word();
      const keys = Array.from({ length: 40 }, (_, n) => `${folder}/${String(n).padStart(3, "0")}`);
      await Promise.all(keys.map((key) => store.put(key, key)));

      expect(await listed(store, folder)).toEqual(keys);
    });
  });

  test("check passes on a store that works, and leaves nothing", async () => {
    const before = await listed(store, "");

    await store.check();

    expect(await listed(store, "")).toEqual(before);
  });
}
