import { createHash } from "node:crypto";
import { readdir, readFile, stat, statfs } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { DiskSpace } from "../domain/disks.ts";

/** A disk as one machine knows it. */
export interface Disk extends DiskSpace {
  /** Of the file system on its machine: the same for every process and every container there, another one elsewhere. */
  id: string;
}

/** Another one after each start of a machine, and the same in all of its containers. */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** The disk that a folder lies on. */
export async function measureDisk(folder: string): Promise<Disk> {
  const { blocks, bfree, bavail, bsize } = await statfs(folder);
  const machine = await readFile(BOOT_ID, "utf8").catch(() => hostname());
  const { dev } = await stat(folder);
  const used = blocks - bfree;
  return {
    id: createHash("sha256").update(`${machine.trim()} ${dev}`).digest("hex"),
    capacityBytes: (used + bavail) * bsize,
    usedBytes: used * bsize,
  };
}

/** What the files of a folder take together, without those of folders in it; nothing where there is no such folder. */
export async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
