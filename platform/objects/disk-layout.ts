import { open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type KeyEntry, toByteText } from "./keys.ts";

/** The three folders of a disk store. One file system, so that every rename between them is one step. */
export interface DiskFolders {
  /** A folder per key, in it a folder per version: `<number>-<id>/{facts.json,bytes}`. */
  objects: string;
  /** Unfinished writes: `<id>/` and beside it `<id>.json`, which says for which key. */
  staged: string;
  /** What may be removed at any time by anybody. */
  trash: string;
}

/** A file name has at most 255 bytes on every file system: this many, escaped three for one, and the mark. */
const PIECE_BYTES = 80;

// The last character of every folder name says what it is, so that no name is ever `.` or `..`, and the
// object `a` and the folder of `a/b` stand side by side.
const OBJECT = "=";
const SEGMENT = "+";
const PIECE = "~";

/** The folder of a key's versions, below `objects`. */
export function folderOf(objects: string, key: string): string {
  return join(objects, ...namesOf(toByteText(key), OBJECT));
}

/** The deepest folder that holds every key with this prefix (byte text). */
export function folderAbove(objects: string, prefix: string): string {
  const end = prefix.lastIndexOf("/");
  return end < 0 ? objects : join(objects, ...namesOf(prefix.slice(0, end), SEGMENT));
}

/** The path (byte text) that `folderAbove` stands for. */
export function pathAbove(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf("/") + 1);
}

/** The keys and folders inside one folder. An absent folder is an empty one. */
export async function entriesOf({
  place,
  path,
}: Pick<KeyEntry, "place" | "path">): Promise<KeyEntry[]> {
  return (await namesIn(place)).map((name) => {
    const kind = name.at(-1);
    const read = path + unescape(name.slice(0, -1)) + (kind === SEGMENT ? "/" : "");
    return { path: read, place: join(place, name), isObject: kind === OBJECT };
  });
}

/** What `readdir` gives, and nothing for an absent folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await ifPresent(readdir(folder))) ?? [];
}

/** What the promise gives; undefined when the file or folder it is about is not there. */
export async function ifPresent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Whether this error says that a file or folder is not there. */
export function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

/** Makes the names in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same for the folder's own name, up to and with `top`. */
export async function syncAbove(folder: string, top: string): Promise<void> {
  for (let above = folder; above !== top;) {
    above = dirname(above);
    await syncFolder(above);
  }
}

/** Writes a new small file that survives a power cut once its folder is synced. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, "wx");
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function namesOf(path: string, lastMark: string): string[] {
  const segments = path.split("/");
  return segments.flatMap((segment, at) => {
    const mark = at === segments.length - 1 ? lastMark : SEGMENT;
    const names: string[] = [];
    let rest = segment;
    // A piece that is full always goes on, if only with an empty rest: so no sibling begins with it.
    for (; rest.length >= PIECE_BYTES; rest = rest.slice(PIECE_BYTES)) {
      names.push(escape(rest.slice(0, PIECE_BYTES)) + PIECE);
    }
    return [...names, escape(rest) + mark];
  });
}

/** Capitals are escaped too: some file systems hold `A` and `a` for one name. */
function escape(byteText: string): string {
  return byteText.replace(
    /[^a-z0-9._-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function unescape(name: string): string {
  return name.replace(/%([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
