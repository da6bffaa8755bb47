import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { type ObjectStore } from "../../../../platform/objects/index.ts";
import { PART, endless, listed, readKey, refusalOf, word } from "./reading.ts";

/** What fails leaves nothing. */
export function failuresSuite(open: () => Promise<ObjectStore>): void {
  let store: ObjectStore;
  beforeAll(async () => {
    store = await open();
  });

  describe("a put that fails", () => {
    const failures: [string, () => { body: Readable; signal?: AbortSignal }][] = [
      [
        "whose source fails",
        () => ({ body: endless(PART + 1, (body) => body.destroy(new Error("cut"))) }),
      ],
      ["whose source is destroyed early", () => ({ body: endless(100, (body) => body.destroy()) })],
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

      await expect(put).rejects.toThrow(Error);
      expect(body.destroyed).toBe(true);
      expect(await listed(store, folder)).toEqual([]);
      expect(await store.discardUnfinished(folder)).toBe(0);
    });

    test.each(failures)("leaves what was there: one %s", async (_, given) => {
      const key = word();
      await store.put(key, "before", { metadata: { kept: "yes" } });
      const { body, signal } = given();

      await expect(store.put(key, body, signal ? { signal } : {})).rejects.toThrow(Error);

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

      await expect(put).rejects.toThrow(Error);
      expect(await store.head(key)).toBeUndefined();
      expect(await store.discardUnfinished(key)).toBe(0);
    });
  });
}
