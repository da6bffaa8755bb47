import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { openDiskStore } from "../../platform/objects/disk.ts";
import type { ObjectStore } from "../../platform/objects/index.ts";
import { digestOf, objectStoreSuite, readWhole } from "../support/suites/object-store/index.ts";

const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-objects-"));
  folders.push(folder);
  return folder;
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

describe("objects on a disk", () => {
  objectStoreSuite(async () => openDiskStore(await newFolder()));
});

describe("a disk store", () => {
  test("gives an opened object for as long as it is open, whatever happens to its key", async () => {
    const store = await openDiskStore(await newFolder());
    await store.put("key", "0123456789");
    const object = (await store.open("key"))!;

    await store.put("key", "replaced");
    await store.delete("key");

    const chunks = await (await object.read({ start: 2, end: 4 })).toArray();
    expect(Buffer.concat(chunks as Buffer[]).toString()).toBe("234");
    await object.close();
  });

  test("fills memory with the bytes from any position on, and no more than there are", async () => {
    const store = await openDiskStore(await newFolder());
    await store.put("key", "0123456789");
    const object = (await store.open("key"))!;
    const block = Buffer.alloc(4);

    const filled = async (position: number) =>
      block.subarray(0, await object.fill!(block, position)).toString();

    expect([await filled(3), await filled(8)]).toEqual(["3456", "89"]);
    const last = object.fill!(block, 0);
    await object.close();
    expect(await last).toBe(4);
  });

  test("keeps one file of bytes per key, however often and by however many it was written", async () => {
    const folder = await newFolder();
    const stores = await Promise.all([openDiskStore(folder), openDiskStore(folder)]);
    await stores[0].put("source", "source");

    for (let round = 0; round < 10; round++) {
      await Promise.all(
        stores.flatMap((store) => [
          store.put("key", `text ${round}`),
          store.copy("source", "key"),
          store.put("key", `other ${round}`),
        ]),
      );
    }

    expect(await filesOf(folder)).toEqual({ bytes: 2, other: 0 });
    await stores[1].delete("source");
    await stores[1].delete("key");
    expect(await readdir(join(folder, "objects"))).toEqual([]);
  });

  test("never loses a key to a delete and a put at once that left nothing half done", async () => {
    const folder = await newFolder();
    const store = await openDiskStore(folder);

    for (let round = 0; round < 50; round++) {
      await Promise.all([store.put("a/b/c", "x"), store.delete("a/b/c"), store.put("a/b/d", "y")]);
      expect((await readWhole(store, "a/b/d")).content.toString()).toBe("y");
      const object = await store.open("a/b/c");
      await object?.close();
    }

    expect((await filesOf(folder)).other).toBe(0);
  });

  test("keeps every key inside its folder, the longest and the deepest too", async () => {
    const folder = await newFolder();
    const store = await openDiskStore(join(folder, "store"));
    const keys = [
      "x".repeat(1000),
      "é".repeat(500),
      "/".repeat(1000),
      "a/".repeat(500),
      "../".repeat(333),
    ];

    for (const key of keys) await store.put(key, key);

    for (const key of keys) expect((await readWhole(store, key)).content.toString()).toBe(key);
    expect(await readdir(folder)).toEqual(["store"]);
    expect((await readdir(join(folder, "store"))).toSorted()).toEqual([
      "objects",
      "staged",
      "trash",
    ]);
  });

  test("sorts keys whose names are cut like any other", async () => {
    const store = await openDiskStore(await newFolder());
    const stem = "s".repeat(80);
    const keys = [stem, `${stem}!`, `${stem}/a`, `${stem}0`, `${stem}${stem}`, "s".repeat(79)];
    for (const key of keys) await store.put(key, "x");

    const listed: string[] = [];
    for await (const { key } of store.list("s")) listed.push(key);

    expect(listed).toEqual(keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });

  test("leaves no file open, whether streams end, are destroyed or are never read", async () => {
    const store = await openDiskStore(await newFolder());
    await store.put("key", Buffer.alloc(3_000_000));
    const before = (await readdir("/proc/self/fd")).length;

    for (let round = 0; round < 50; round++) {
      const object = (await store.open("key"))!;
      (await object.read()).destroy();
      const halfRead = await object.read();
      await once(halfRead, "readable");
      halfRead.destroy();
      const whole = await object.read({ start: 0, end: 9 });
      await object.close();
      await object.close();
      await whole.toArray();
      const other = (await store.open("key"))!;
      await other.close();
    }

    await expect.poll(async () => (await readdir("/proc/self/fd")).length).toBeLessThan(before + 5);
  });

  test("says that an object is damaged rather than give fewer bytes", async () => {
    const folder = await newFolder();
    const store = await openDiskStore(folder);
    await store.put("key", "0123456789");
    const object = (await store.open("key"))!;
    const versions = join(folder, "objects", "key=");
    await truncate(join(versions, (await readdir(versions))[0]!, "bytes"), 5);

    await expect(store.open("key")).rejects.toThrow("damaged");
    await expect((await object.read()).toArray()).rejects.toThrow("damaged");
    await expect(object.fill!(Buffer.alloc(5), 5)).rejects.toThrow("damaged");
    await object.close();
  });

  test("removes what a killed writer left once its lease is over, and no upload in parts", async () => {
    const folder = await newFolder();
    const first = await openDiskStore(folder);
    const upload = await first.startParts("parts");
    const part = await first.putPart(upload, 1, Buffer.from("x"));
    const writer = startWriter(folder);
    await once(writer.stdout!, "data");
    await sleep(100);
    await kill(writer);

    const later = await openDiskStore(folder, { leaseMs: 0 });

    expect(await later.completeParts(upload, [part])).toMatchObject({ bytes: 1 });
    await later.discardUnfinished("");
    expect(await filesOf(folder)).toMatchObject({ other: 0 });
  });

  test("lets nobody sweep away a put that is slow", async () => {
    const folder = await newFolder();
    const body = new Readable({ read() {} });
    const put = (await openDiskStore(folder, { leaseMs: 4000 })).put("key", body);
    body.push("slow");
    await sleep(3000);

    await openDiskStore(folder, { leaseMs: 2500 });
    body.push(null);

    expect(await put).toMatchObject({ bytes: 4 });
  });

  test("shows whole objects only, and keeps nothing else, after writers are killed at any moment", async () => {
    const folder = await newFolder();
    for (let round = 0; round < 8; round++) {
      const writers = [startWriter(folder), startWriter(folder)];
      await Promise.all(writers.map((writer) => once(writer.stdout!, "data")));
      await sleep(randomInt(20, 300));
      await Promise.all(writers.map(kill));

      const store = await openDiskStore(folder, { leaseMs: 0 });
      expect(await wrongObjects(store)).toEqual([]);
      await store.discardUnfinished("");
      expect(await filesOf(folder)).toEqual({ bytes: await count(store), other: 0 });
      expect(await wrongObjects(store)).toEqual([]);
    }
  }, 120_000);
});

/** How many files of bytes stand under keys, and how many entries where unfinished and removed things stand. */
async function filesOf(folder: string): Promise<{ bytes: number; other: number }> {
  const names = await readdir(join(folder, "objects"), { recursive: true });
  const [staged, trash] = [
    await readdir(join(folder, "staged")),
    await readdir(join(folder, "trash")),
  ];
  return {
    bytes: names.filter((name) => name.endsWith("/bytes")).length,
    other: staged.length + trash.length,
  };
}

async function count(store: ObjectStore): Promise<number> {
  let objects = 0;
  for await (const _ of store.list("")) objects++;
  return objects;
}

/** The keys whose bytes are not those that their metadata tells of. */
async function wrongObjects(store: ObjectStore): Promise<string[]> {
  const wrong: string[] = [];
  for await (const { key } of store.list("")) {
    const { facts, content } = await readWhole(store, key);
    if (facts.metadata["sha256"] !== digestOf(content)) wrong.push(key);
  }
  return wrong;
}

function startWriter(folder: string): ChildProcess {
  const program = join(import.meta.dirname, "../support/object-writer.ts");
  return spawn(process.execPath, ["--import", "tsx", program, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function kill(writer: ChildProcess): Promise<void> {
  const ended = once(writer, "exit");
  expect(writer.exitCode, "the writer still writes").toBeNull();
  writer.kill("SIGKILL");
  await ended;
}
