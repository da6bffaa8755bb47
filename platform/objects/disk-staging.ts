import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DiskFolders, folderOf, ifPresent, isAbsent, namesIn } from "./disk-layout.ts";
import { removeReplaced } from "./disk-versions.ts";

/** What an unfinished write is for. A put lives no longer than its process; parts wait for their next request. */
export type Intent =
  | { kind: "put"; key: string }
  | { kind: "parts"; key: string; contentType: string; metadata: Record<string, string> };

const ID = /^[0-9a-f]{16}$/;

/** Begins a write: a folder for its bytes and a note for which key. Answers its id. */
export async function stage(folders: DiskFolders, intent: Intent): Promise<string> {
  const { staged } = folders;
  const id = randomBytes(8).toString("hex");
  // The folder first: a note without a folder means that the write was placed.
  await mkdir(join(staged, id));
  try {
    await writeFile(notePath(staged, id), JSON.stringify(intent), { flag: "wx" });
  } catch (error) {
    await unstage(folders, id);
    throw error;
  }
  return id;
}

/** What a write in progress wants to be; undefined when there is none with this id. */
export async function readIntent({ staged }: DiskFolders, id: string): Promise<Intent | undefined> {
  if (!ID.test(id)) return undefined;
  const text = await ifPresent(readFile(notePath(staged, id), "utf8"));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Intent;
  } catch {
    return undefined; // Half a note: its writer was killed, and the sweep takes it.
  }
}

/** Says every quarter of the lease that the writer lives, until the returned function is called. */
export function keepAlive({ staged }: DiskFolders, id: string, leaseMs: number): () => void {
  const renew = () => {
    const now = new Date();
    // When the note is gone the write was discarded, and placing it will say so.
    utimes(notePath(staged, id), now, now).catch(() => undefined);
  };
  const timer = setInterval(renew, Math.max(leaseMs / 4, 1000)).unref();
  return () => clearInterval(timer);
}

/**
 * Ends a write, whether or not it was placed; answers whether it was not. The note goes last: if we are killed
 * before, the next one to find it does the same again, and takes away what the placed write replaced.
 */
export async function unstage(folders: DiskFolders, id: string, key?: string): Promise<boolean> {
  const { objects, staged, trash } = folders;
  const wasUnfinished = await takeStaged(folders, id);
  if (key !== undefined && !wasUnfinished) await removeReplaced(folders, folderOf(objects, key));
  await rm(join(trash, id), { recursive: true, force: true });
  await rm(notePath(staged, id), { force: true });
  return wasUnfinished;
}

/** Ends every write under keys with this prefix; answers how many were unfinished. */
export async function unstageAll(folders: DiskFolders, prefix: string): Promise<number> {
  let unfinished = 0;
  for (const name of await namesIn(folders.staged)) {
    const id = name.replace(/\.json$/, "");
    const intent = name === id ? undefined : await readIntent(folders, id);
    if (intent?.key.startsWith(prefix) && (await unstage(folders, id, intent.key))) unfinished++;
  }
  return unfinished;
}

/**
 * Removes what killed processes left: the trash, and puts whose writer has not said for `leaseMs` that it lives.
 * A writer that lives all the same, because it was stopped for so long, loses nothing but its put: the staged
 * folder goes away in one rename, so placing it either came before or fails. No visible object is ever looked at.
 */
export async function sweep(folders: DiskFolders, leaseMs: number): Promise<void> {
  const { staged, trash } = folders;
  for (const name of await namesIn(trash)) {
    await rm(join(trash, name), { recursive: true, force: true });
  }
  const names = new Set(await namesIn(staged));
  for (const name of names) {
    const isNote = name.endsWith(".json");
    if (!isNote && names.has(`${name}.json`)) continue;
    const facts = await ifPresent(stat(join(staged, name)));
    if (!facts || facts.mtimeMs > Date.now() - leaseMs) continue;
    const id = isNote ? name.slice(0, -".json".length) : name;
    const intent = isNote ? await readIntent(folders, id) : undefined;
    if (intent?.kind !== "parts") await unstage(folders, id, intent?.key);
  }
}

async function takeStaged({ staged, trash }: DiskFolders, id: string): Promise<boolean> {
  try {
    await rename(join(staged, id), join(trash, id));
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function notePath(staged: string, id: string): string {
  return join(staged, `${id}.json`);
}
