import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { folderBytes, measureDisk } from "../../platform/disk.ts";

test("folders of one disk are of one disk, which has room and uses some of it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-disk-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, "inner"));

  const [disk, inner] = [await measureDisk(folder), await measureDisk(join(folder, "inner"))];

  expect(inner.id).toBe(disk.id);
  expect((await measureDisk("/proc")).id).not.toBe(disk.id);
  expect(disk.usedBytes).toBeLessThan(disk.capacityBytes);
});

test("a folder takes what its files take, and nothing when it is not there", async () => {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-disk-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "a"), "12345");
  await writeFile(join(folder, "b"), "123");

  expect(await folderBytes(folder)).toBe(8);
  expect(await folderBytes(join(folder, "none"))).toBe(0);
});
