import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { refusalIn } from "../../../domain/errors.ts";
import {
  MAX_PART_BYTES,
  ObjectMissing,
  ObjectReplaced,
  type ObjectStore,
  type OpenedObject,
  PartMissing,
  UploadMissing,
} from "../../../platform/objects/index.ts";

const MiB = 1024 * 1024;
const PART = 5 * MiB;

/**
 * What every object store promises. `open` gives an empty store that writes more than 5 MiB in parts and
 * copies more than 6 MiB in parts, where it does such things.
 */
export function objectStoreSuite(name: string, open: () => Promise<ObjectStore>): void {
  describe(name, () => {
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
        const texts = await Promise.all(
          ranges.map(async (range) => text(await object.read(range))),
        );
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
          ...[
            "a",
            "A",
            "a/b",
            "a//b",
            "a/",
            "/a",
            "a/./b",
            "a/../b",
            "..",
            ".",
            "../../up",
            "a=",
            "a+",
          ],
          ...[
            "a%2Fb",
            "a b",
            "a+b",
            "%",
            "%00",
            "back\\slash",
            "new\nline",
            "\u0001",
            "é",
            "e\u0301",
          ],
          ...["\uffff", "😀".repeat(60), "x".repeat(255), "'\"<&>?#"],
        ].map((odd) => `${folder}/${odd}`);

        await Promise.all(keys.map((key) => store.put(key, `under ${key}`)));

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
        let replacing = true;
        let reads = 0;
        const reader = async () => {
          while (replacing) {
            const { facts, content } = await readWhole(store, key);
            expect(digestOf(content)).toBe(facts.metadata["sha256"]);
            expect(content.length).toBe(facts.bytes);
            reads++;
          }
        };

        const readers = [reader(), reader(), reader(), reader()];
        for (let number = 1; number <= 20; number++) await version(number);
        replacing = false;
        await Promise.all(readers);

        expect(reads).toBeGreaterThan(0);
        expect((await readWhole(store, key)).content.length).toBe(70_020);
      });

      test("of many writers at once one wins, with all of its own", async () => {
        const key = `${word()}/contested`;
        const contents = Array.from({ length: 8 }, (_, number) =>
          `${number}`.repeat(1000 + number),
        );
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

    describe("a put that fails", () => {
      const failures: [string, () => { body: Readable; signal?: AbortSignal }][] = [
        [
          "whose source fails",
          () => ({ body: endless(PART + 1, (body) => body.destroy(new Error("cut"))) }),
        ],
        [
          "whose source is destroyed early",
          () => ({ body: endless(100, (body) => body.destroy()) }),
        ],
        [
          "whose source was destroyed before",
          () => {
            const body = Readable.from(["never read"]);
            body.destroy();
            return { body };
          },
        ],
        ["that is aborted", () => ({ body: endless(PART + 1), signal: AbortSignal.timeout(50) })],
        ["that was aborted before", () => ({ body: endless(100), signal: AbortSignal.abort() })],
      ];

      test.each(failures)("leaves nothing: one %s", async (_, given) => {
        const folder = word();
        const { body, signal } = given();

        const put = store.put(`${folder}/new`, body, signal ? { signal } : {});

        await expect(put).rejects.toThrow();
        expect(body.destroyed).toBe(true);
        expect(await listed(store, folder)).toEqual([]);
        expect(await store.discardUnfinished(folder)).toBe(0);
      });

      test.each(failures)("leaves what was there: one %s", async (_, given) => {
        const key = word();
        await store.put(key, "before", { metadata: { kept: "yes" } });
        const { body, signal } = given();

        await expect(store.put(key, body, signal ? { signal } : {})).rejects.toThrow();

        expect(await readKey(store, key)).toMatchObject({
          facts: { metadata: { kept: "yes" } },
          text: "before",
        });
      });

      test.each([10, PART + 10])(
        "refuses more than %i bytes as soon as they arrive",
        async (maxBytes) => {
          const key = word();

          const put = store.put(key, endless(Number.POSITIVE_INFINITY), { maxBytes });

          expect(await refusalOf(put)).toBe("request/too-large");
          expect(await store.head(key)).toBeUndefined();
          expect(await store.discardUnfinished(key)).toBe(0);
        },
      );

      test("takes exactly as many bytes as are allowed", async () => {
        const key = word();

        await store.put(key, "0123456789", { maxBytes: 10 });

        expect(await store.head(key)).toMatchObject({ bytes: 10 });
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

        await expect(copy).rejects.toThrow();
        expect(await store.head(`${key}.copy`)).toBeUndefined();
      });
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
        const names = [
          "a",
          "a!",
          "a/b",
          "a/b/c",
          "a/é",
          "a0",
          "ab",
          "b",
          "😀",
          "￮",
          "z".repeat(100),
        ];
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
        const keys = Array.from(
          { length: 40 },
          (_, n) => `${folder}/${String(n).padStart(3, "0")}`,
        );
        await Promise.all(keys.map((key) => store.put(key, key)));

        expect(await listed(store, folder)).toEqual(keys);
      });
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

        if (completed instanceof PartMissing) expect(await store.head(upload.key)).toBeUndefined();
        else expect(await readKey(store, upload.key)).toMatchObject({ text: "old" });
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

    describe("discardUnfinished", () => {
      test("removes what stands under the prefix and nothing else", async () => {
        const folder = word();
        const others = await store.startParts(`${folder}.other`);
        for (const each of ["a", "b/c", "b/%", "../d"]) await store.startParts(`${folder}/${each}`);
        await store.put(`${folder}/done`, "x");

        expect(await store.discardUnfinished(`${folder}/b/`)).toBe(2);
        expect(await store.discardUnfinished(`${folder}/`)).toBe(2);
        expect(await store.discardUnfinished(`${folder}/`)).toBe(0);

        expect(await readKey(store, `${folder}/done`)).toMatchObject({ text: "x" });
        const part = await store.putPart(others, 1, Buffer.from("y"));
        expect(await store.completeParts(others, [part])).toMatchObject({ bytes: 1 });
      });

      test("ends a put that still runs: it rejects and shows nothing", async () => {
        const key = word();
        const body = new Readable({ read() {} });
        body.push(Buffer.alloc(PART));
        body.push(Buffer.alloc(PART));
        const put = store.put(key, body);
        put.catch(() => undefined);

        let discarded = 0;
        while (discarded === 0) {
          discarded = await store.discardUnfinished(key);
          await sleep(10);
        }
        body.push(Buffer.alloc(PART));
        body.push(null);

        await expect(put).rejects.toThrow();
        expect(await store.head(key)).toBeUndefined();
        expect(await store.discardUnfinished(key)).toBe(0);
      });
    });

    test("check passes on a store that works, and leaves nothing", async () => {
      const before = await listed(store, "");

      await store.check();

      expect(await listed(store, "")).toEqual(before);
    });
  });
}

/** The object under a key, read from one opening; opened anew when it was replaced in between. */
export async function readWhole(store: ObjectStore, key: string) {
  for (;;) {
    const object = await store.open(key);
    if (!object) throw new Error(`nothing under ${key}`);
    try {
      return { facts: object.facts, content: await bytesOf(object) };
    } catch (error) {
      if (!(error instanceof ObjectReplaced)) throw error;
    } finally {
      await object.close();
    }
  }
}

/** Lower-case hex sha256. */
export function digestOf(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

async function readKey(store: ObjectStore, key: string) {
  const { facts, content } = await readWhole(store, key);
  return { facts, text: content.toString() };
}

async function bytesOf(object: OpenedObject): Promise<Buffer> {
  return Buffer.concat((await (await object.read()).toArray()) as Buffer[]);
}

async function text(stream: Readable): Promise<string> {
  return Buffer.concat((await stream.toArray()) as Buffer[]).toString();
}

async function listed(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

async function refusalOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => refusalIn(error)?.code,
  );
}

function byBytes(keys: string[]): string[] {
  return keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}

function word(): string {
  return randomBytes(6).toString("hex");
}

function inChunks(content: Buffer): Readable {
  return Readable.from(
    (function* () {
      for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
    })(),
  );
}

/** A source that never ends by itself; after `bytes` it calls `then` with itself, and is silent. */
function endless(bytes: number, then?: (body: Readable) => void): Readable {
  let sent = 0;
  return new Readable({
    read() {
      if (sent < bytes) {
        const chunk = Buffer.alloc(Math.min(65_536, bytes - sent));
        sent += chunk.length;
        this.push(chunk);
      } else {
        setImmediate(() => then?.(this));
      }
    },
  });
}
