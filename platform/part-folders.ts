import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { claimFolder, endStrays } from "./process-table.ts";

/** Folders of unfinished work that outlive the process which works there. */
export interface PartFolders {
  /**
   * Runs `body` in the folder of this name, with what an earlier run left in it. Nobody else is in it meanwhile: waits
   * for whoever is, and ends the tools of those who died there.
   */
  within<T>(name: string, signal: AbortSignal, body: (directory: string) => Promise<T>): Promise<T>;
  /** Removes a folder, once nobody is in it. Twice is harmless. */
  remove(name: string, signal: AbortSignal): Promise<void>;
  /** The names of all folders there are. */
  list(): Promise<string[]>;
}

/** What a name may be: it becomes a folder's. */
const NAME = /^[0-9a-z-]{1,64}$/;
const WAIT_MS = 100;

/** Opens the folders below `folder`. `runFolder` is where the shell of this machine writes its processes down. */
export async function openPartFolders(folder: string, runFolder: string): Promise<PartFolders> {
  await mkdir(folder, { recursive: true, mode: 0o700 });

  const alone = async <T>(
    name: string,
    signal: AbortSignal,
    body: (path: string) => Promise<T>,
  ) => {
    if (!NAME.test(name)) throw new Error("a folder of parts has no such name");
    let claim = await claimFolder(runFolder, `parts-${name}`);
    while ("heldBy" in claim) {
      await delay(WAIT_MS, undefined, { signal });
      claim = await claimFolder(runFolder, `parts-${name}`);
    }
    try {
      await endStrays(runFolder);
      return await body(join(folder, name));
    } finally {
      await claim.release();
    }
  };

  return {
    within: (name, signal, body) =>
      alone(name, signal, async (path) => {
        await mkdir(path, { recursive: true, mode: 0o700 });
        return body(path);
      }),
    remove: (name, signal) =>
      alone(name, signal, (path) => rm(path, { recursive: true, force: true, maxRetries: 5 })),
    list: async () => (await readdir(folder)).filter((name) => NAME.test(name)),
  };
}
