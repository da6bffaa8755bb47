import { once } from "node:events";
import { connect } from "node:net";
import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Delivery } from "../../api/delivery.ts";
import { route } from "../../api/route.ts";
import type { OpenedObject } from "../../platform/objects/index.ts";
import { startApi } from "../support/api.ts";
import { ETAG, startFile, watch } from "../support/delivery.ts";

const MiB = 1024 * 1024;

/** Answers from `content` what a block has room for, and at most so much at once. */
function filling(content: Buffer, mostBytes = content.length): NonNullable<OpenedObject["fill"]> {
  return async (block, position) => content.copy(block, 0, position, position + mostBytes);
}

describe("an object that fills memory of ours", () => {
  const content = randomBytes(3 * MiB + 7);

  test.each([
    ["as much as there is room for", undefined],
    ["less than there is room for", 300_001],
  ])("comes whole, and counted once, when it gives %s", async (_, mostBytes) => {
    const counts: number[] = [];
    const object = watch(content, { fill: filling(content, mostBytes) });
    const get = await startFile(object, { count: async (times) => void counts.push(times) });

    const { status, bytes } = await get();

    expect(status).toBe(200);
    expect(bytes.equals(content)).toBe(true);
    expect({ reads: object.reads, closed: object.closed, counts }).toEqual({
      reads: [],
      closed: 1,
      counts: [1],
    });
  });

  test.each([
    [0, 0],
    [MiB - 1, 2 * MiB],
    [3 * MiB, 3 * MiB + 6],
  ])("gives its bytes %d to %d", async (start, end) => {
    const get = await startFile(watch(content, { fill: filling(content) }));

    const { status, headers, bytes } = await get({ Range: `bytes=${start}-${end}` });

    expect(status).toBe(206);
    expect(headers["content-range"]).toBe(`bytes ${start}-${end}/${content.length}`);
    expect(bytes.equals(content.subarray(start, end + 1))).toBe(true);
  });

  test("is not asked by HEAD", async () => {
    const fill = vi.fn(filling(content));
    const get = await startFile(watch(content, { fill }));

    expect((await get({}, "HEAD")).headers["content-length"]).toBe(`${content.length}`);
    expect(fill).not.toHaveBeenCalled();
  });

  test("and cannot from the first byte on is a failure, not half a file", async () => {
    const object = watch(content, { fill: () => Promise.reject(new Error("the disk is gone")) });
    const get = await startFile(object);

    const { status, headers } = await get();

    expect(status).toBe(500);
    expect(headers["content-disposition"]).toBeUndefined();
    expect(object.closed).toBe(1);
  });

  test("and fails in the middle breaks the answer off", async () => {
    const object = watch(content, {
      async fill(block, position) {
        if (position > MiB) throw new Error("the disk is gone");
        return content.copy(block, 0, position);
      },
    });
    const get = await startFile(object);

    await expect(get()).rejects.toThrow(/aborted/);
    await vi.waitFor(() => expect(object.closed).toBe(1), 20_000);
  });
});

describe("a client", () => {
  /** Asks for a GiB of zeros and reads its beginning only; `given` are the bytes that were filled. */
  async function ask() {
    const given = { bytes: 0, counts: [] as number[] };
    const object = watch(Buffer.alloc(0), {
      async fill(block) {
        given.bytes += block.fill(0).length;
        return block.length;
      },
    });
    object.facts = { ...object.facts, bytes: 1024 * MiB };
    const file = route({
      method: "get",
      path: "/file",
      summary: "A file",
      access: "public",
      returns: "delivery",
      handle: (): Delivery => ({
        object,
        etag: ETAG,
        fileName: "x",
        cacheControl: "no-cache",
        count: async (times) => void given.counts.push(times),
      }),
    });
    const api = await startApi({ routes: { file } });
    const { hostname, port } = new URL(api.address);
    const socket = connect(Number(port), hostname);
    onTestFinished(() => void socket.destroy());
    socket.write("GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "readable");
    return { api, socket, object, given };
  }

  test("that does not read holds the object back, and lets it go when it goes", async () => {
    const { api, socket, object, given } = await ask();

    let before = -1;
    await vi.waitFor(() => {
      const now = given.bytes;
      const stands = now === before;
      before = now;
      expect(stands).toBe(true);
    }, 20_000);
    expect(given.bytes).toBeLessThan(64 * MiB);
    expect(object.closed).toBe(0);
    socket.destroy();

    await vi.waitFor(() => expect(object.closed).toBe(1), 20_000);
    expect(given.counts).toEqual([]);
    expect(api.logged.filter(({ level }) => (level as number) >= 40)).toEqual([]);
  });
});
