import { mkdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  type DiskFolders,
  ifPresent,
  isAbsent,
  namesIn,
  syncAbove,
  syncFolder,
} from "./disk-layout.ts";

// How a key changes hands without a lock, in one process or many:
//
// A version is a folder that is complete and durable before one rename gives it its name, the next number with
// a random id. A key shows its last version by name. So a name is never used twice, a version that is not the
// last never becomes it while a later one is there, and taking it away is right whoever does it, and however often.
// Two writers that took the same number are ordered by their ids; both ran at once, so either order is true.
// Removing is a rename into the trash: exactly one remover gets the folder, and a reader finds all of it or none.

const TRIES = 100;

/**
 * Calls `use` with the folder of the version that the key shows now, and again when that version was taken
 * away meanwhile. Undefined when the key shows nothing.
 */
export async function withVersion<T>(
  folder: string,
  use: (version: string) => Promise<T>,
): Promise<T | undefined> {
  for (let tries = 0; tries < TRIES; tries++) {
    const version = await currentVersion(folder);
    if (version === undefined) return undefined;
    const used = await ifPresent(use(join(folder, version)).then((value) => ({ value })));
    if (used) return used.value;
  }
  throw new Error("a stored object is damaged, or changes faster than it can be opened");
}

/**
 * Makes the staged folder the version that the key shows. It survives a power cut when this returns;
 * what it replaced is still there, for `removeReplaced`.
 */
export async function placeVersion(
  { objects }: DiskFolders,
  staged: string,
  folder: string,
  id: string,
): Promise<void> {
  for (;;) {
    try {
      const last = (await versionsIn(folder)).at(-1);
      if (last === undefined) await makeFolder(folder, objects);
      await rename(staged, join(folder, nameAfter(last, id)));
      break;
    } catch (error) {
      // Absent is the key's folder, when a removal emptied it in between, or what we wrote, when it was discarded.
      if (!isAbsent(error)) throw error;
      if (!(await ifPresent(stat(staged)))) {
        throw new Error("this write was discarded while it ran", { cause: error });
      }
    }
  }
  await ifPresent(syncFolder(folder));
}

/** Removes every version but the one that the key shows. */
export async function removeReplaced({ trash }: DiskFolders, folder: string): Promise<void> {
  await removeAll(trash, await takeAway(trash, folder, (await versionsIn(folder)).slice(0, -1)));
}

/** Removes what the key shows, and the folders that are empty then. */
export async function removeVersions(
  { objects, trash }: DiskFolders,
  folder: string,
): Promise<void> {
  const versions = await versionsIn(folder);
  if (versions.length > 0) {
    // The oldest first, so that none of them shows again.
    const taken = await takeAway(trash, folder, versions);
    await ifPresent(syncFolder(folder));
    await removeAll(trash, taken);
  }
  try {
    for (let empty = folder; empty !== objects; empty = dirname(empty)) await rmdir(empty);
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) {
      throw error;
    }
  }
}

async function currentVersion(folder: string): Promise<string | undefined> {
  // POSIX lets a listing miss a name that came while another went, and a folder of a key is never empty for
  // long: an empty answer is asked again.
  for (let looks = 0; looks < 3; looks++) {
    const last = (await versionsIn(folder)).at(-1);
    if (last !== undefined || !(await ifPresent(stat(folder)))) return last;
  }
  return undefined;
}

async function versionsIn(folder: string): Promise<string[]> {
  return (await namesIn(folder)).sort();
}

function nameAfter(last: string | undefined, id: string): string {
  const number = last === undefined ? 1 : Number.parseInt(last) + 1;
  return `${String(number).padStart(12, "0")}-${id}`;
}

/** A version is only ever placed in a folder whose own path survives a power cut. */
async function makeFolder(folder: string, objects: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await syncAbove(folder, objects);
}

async function takeAway(trash: string, folder: string, versions: string[]): Promise<string[]> {
  const taken: string[] = [];
  for (const version of versions) {
    await ifPresent(
      rename(join(folder, version), join(trash, version)).then(() => taken.push(version)),
    );
  }
  return taken;
}

async function removeAll(trash: string, names: string[]): Promise<void> {
  for (const name of names) await rm(join(trash, name), { recursive: true, force: true });
}
