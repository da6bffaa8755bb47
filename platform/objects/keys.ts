import { refusal } from "../../domain/errors.ts";

const MAX_KEY_BYTES = 1000;

/** Refuses with `request/invalid` what no store can keep as a key. */
export function assertKey(key: string): void {
  const bytes = Buffer.from(key);
  const usable =
    bytes.length > 0 &&
    bytes.length <= MAX_KEY_BYTES &&
    !key.includes("\0") &&
    // A lone surrogate has no UTF-8 form: two such keys would be one.
    bytes.toString() === key;
  if (!usable) {
    throw refusal("request/invalid", "An object key has 1 to 1,000 bytes of UTF-8 without NUL.");
  }
}

/** The UTF-8 bytes of a text as one character each, so that `<` and `startsWith` mean bytes. */
export function toByteText(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** One name in a folder of keys: an object, or what leads on to more. */
export interface KeyEntry {
  /** The key so far as byte text; that of a folder ends with its slash. */
  path: string;
  /** Where the store finds the object, or the entries below. */
  place: string;
  isObject: boolean;
}

/**
 * The objects below `start` whose key begins with `prefix` (byte text), in the order of their keys' bytes.
 * Holds one folder per depth: a folder sorts by its name with the slash, which puts `a`, `a!`, `a/b` and `a0` right.
 */
export async function* inKeyOrder(
  start: Pick<KeyEntry, "path" | "place">,
  prefix: string,
  entriesOf: (folder: Pick<KeyEntry, "path" | "place">) => Promise<KeyEntry[]>,
): AsyncGenerator<KeyEntry> {
  const entries = (await entriesOf(start))
    .filter(
      ({ path, isObject }) => path.startsWith(prefix) || (!isObject && prefix.startsWith(path)),
    )
    .sort((one, other) => (one.path < other.path ? -1 : 1));
  for (const entry of entries) {
    if (entry.isObject) yield entry;
    else yield* inKeyOrder(entry, prefix, entriesOf);
  }
}
