import fs from "node:fs";
import * as files from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { refusalIn } from "../../domain/errors.ts";
import { openDiskStore } from "../../platform/objects/disk.ts";
import type { ObjectStore } from "../../platform/objects/index.ts";
import { digestOf, readWhole } from "../support/suites/object-store/index.ts";

// Test files share their modules: what is loaded already would know nothing of the mock, nor others get rid of it.
vi.hoisted(() => vi.resetModules());
afterAll(() => {
  vi.resetModules();
});

vi.mock(import("node:fs/promises"), async (original) => {
  const real = await original();
  return { ...real, link: vi.fn(real.link), writeFile: vi.fn(real.writeFile) };
});

const failure = (code: string) => Object.assign(new Error(`${code}: made by the test`), { code });

describe("a disk store on a disk in trouble", () => {
  let folder: string;
  let store: ObjectStore;

  beforeAll(async () => {
    folder = await files.mkdtemp(join(tmpdir(), "longhaul-faults-"));
    store = await openDiskStore(folder);
  });
  beforeEach(() => vi.clearAllMocks());
  afterAll(() => files.rm(folder, { recursive: true }));

  test.each(["ENOSPC", "EDQUOT"])(
    "says that the storage is full when the disk says %s",
    async (code) => {
      await store.put("key", "before");
      vi.mocked(files.writeFile).mockRejectedValueOnce(failure(code));

      const error: unknown = await store.put("key", "after").catch((refused: unknown) => refused);

      expect(refusalIn(error)?.code).toBe("platform/storage-full");
      expect((await readWhole(store, "key")).content.toString()).toBe("before");
      expect(await files.readdir(join(folder, "staged"))).toEqual([]);
      expect(await files.readdir(join(folder, "trash"))).toEqual([]);
    },
  );

  test("shows nothing of what could not be made to survive a power cut", async () => {
    await store.put("key", "before");
    const sync = vi.spyOn(fs, "fsync");
    sync.mockImplementationOnce((_, done) => process.nextTick(done, failure("ENOSPC")));

    const error: unknown = await store.put("key", "after").catch((refused: unknown) => refused);

    expect(sync).toHaveBeenCalled();
    expect(refusalIn(error)?.code).toBe("platform/storage-full");
    expect((await readWhole(store, "key")).content.toString()).toBe("before");
    expect(await files.readdir(join(folder, "staged"))).toEqual([]);
    sync.mockRestore();
  });

  test.each(["EXDEV", "EMLINK", "EPERM"])(
    "copies the bytes when the file system cannot link them: %s",
    async (code) => {
      const content = Buffer.alloc(2_500_000, "c");
      await store.put("from", content, { metadata: { kept: "yes" } });
      vi.mocked(files.link).mockRejectedValueOnce(failure(code));

      const seen: number[] = [];
      await store.copy("from", "to", { onProgress: (bytes) => seen.push(bytes) });

      const copied = await readWhole(store, "to");
      expect(digestOf(copied.content)).toBe(digestOf(content));
      expect(copied.facts.metadata).toEqual({ kept: "yes" });
      expect(seen.at(-1)).toBe(content.length);
      expect(files.link).toHaveBeenCalledOnce();
    },
  );
});
