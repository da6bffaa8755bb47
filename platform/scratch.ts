import { chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isAlive, thisProcess } from "./process-table.ts";
import type { Shell } from "./shell.ts";

type Log = (message: string, fields: Record<string, unknown>) => void;

/** `withScratch` of a shell, under `<scratchFolder>/<pid>-<start>/`. Removes now what dead processes left there. */
export async function openScratch(scratchFolder: string, log: Log): Promise<Shell["withScratch"]> {
  await removeStrays(scratchFolder, log);
  const { pid, startedAt } = await thisProcess();
  const own = join(scratchFolder, `${pid}-${startedAt}`);

  return async (name, body) => {
    await mkdir(own, { recursive: true, mode: 0o700 });
    const directory = await mkdtemp(join(own, `${name.replace(/[^\w.-]+/g, "-").slice(0, 80)}-`));
    try {
      return await body(directory);
    } finally {
      await removeTree(directory).catch((error: unknown) =>
        log("a scratch folder could not be removed", { directory, error }),
      );
    }
  };
}

async function removeStrays(scratchFolder: string, log: Log): Promise<void> {
  for (const name of await readdir(scratchFolder)) {
    const [, pid, startedAt] = /^(\d+)-([0-9a-z-]+)$/.exec(name) ?? [];
    if (!pid || !startedAt || (await isAlive({ pid: Number(pid), startedAt }))) continue;
    const folder = join(scratchFolder, name);
    const left = await readdir(folder);
    await removeTree(folder);
    // One that ended in order leaves its folder empty.
    if (left.length > 0) log("removed the scratch folder of a dead process", { pid: Number(pid) });
  }
}

/** Also what a tool has made read-only. */
async function removeTree(folder: string): Promise<void> {
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    await remove();
  } catch {
    await unlock(folder);
    await remove();
  }
}

async function unlock(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await unlock(join(folder, entry.name));
}
