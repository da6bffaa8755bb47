import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const RENEWED_EVERY_MS = 2_000;
const ABANDONED_AFTER_MS = 30_000;

/**
 * Runs `body` while no other process holds the lock file; waits for it, whoever died with it.
 * It spares double work and is no proof against it: what `body` makes must appear by one rename.
 */
export async function withLock<T>(
  file: string,
  body: () => Promise<T>,
  onWait: () => void = () => {},
): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  const mine = `${file}.${randomUUID()}`;
  await writeFile(mine, JSON.stringify({ host: hostname(), pid: process.pid }));
  try {
    for (let tries = 0; !(await taken(mine, file)); tries++) {
      if (tries === 1) onWait();
      await ((await isAbandoned(file))
        ? rename(file, `${mine}.dead`).catch(ignoreMissing)
        : wait(200));
    }
    const renewal = setInterval(() => void renew(file), RENEWED_EVERY_MS);
    try {
      return await body();
    } finally {
      clearInterval(renewal);
      await rm(file, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
    await rm(`${mine}.dead`, { force: true });
  }
}

/** A hard link appears whole, with its content, or not at all. */
async function taken(mine: string, file: string): Promise<boolean> {
  try {
    await link(mine, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function isAbandoned(file: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(file);
    if (Date.now() - mtimeMs > ABANDONED_AFTER_MS) return true;
    const holder = JSON.parse(await readFile(file, "utf8")) as { host: string; pid: number };
    return holder.host === hostname() && !isAlive(holder.pid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function renew(file: string): Promise<void> {
  const now = new Date();
  await utimes(file, now, now).catch(ignoreMissing);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
