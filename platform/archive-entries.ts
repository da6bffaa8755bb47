import { inflateRawSync } from "node:zlib";
import { type Entry, fromRandomAccessReaderPromise } from "yauzl";
import { createWindows, measureStub, nameOf, readRange, WindowReader } from "./archive.ts";
import type { OpenedObject } from "./objects/index.ts";

/** Which entries are wanted, and at most how many and how large, packed and unpacked. */
export interface WantedEntries {
  wants: (name: string) => boolean;
  mostEntries: number;
  mostBytes: number;
}

const STORED = 0;
const DEFLATED = 8;

/**
 * Reads small entries of a ZIP archive into memory, by name. What is too large by what the directory says or turns out
 * so when it is unpacked, what is encrypted or damaged, is not among them. Throws when the directory cannot be read.
 */
export async function readEntries(
  object: OpenedObject,
  { wants, mostEntries, mostBytes }: WantedEntries,
): Promise<Map<string, Buffer>> {
  const windows = createWindows(object);
  const stubBytes = await measureStub(windows);
  const zip = await fromRandomAccessReaderPromise(
    new WindowReader(windows, stubBytes),
    windows.bytes - stubBytes,
    { autoClose: false, decodeStrings: false, validateEntrySizes: false },
  );
  const wanted: Entry[] = [];
  for await (const entry of zip.eachEntry()) {
    const { compressedSize, uncompressedSize } = entry;
    if (Math.max(compressedSize, uncompressedSize) > mostBytes || entry.isEncrypted()) continue;
    if (wants(nameOf(entry)) && wanted.push(entry) === mostEntries) break;
  }
  const found = new Map<string, Buffer>();
  for (const entry of wanted) {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    const packed = await readRange(object, fileDataStart + stubBytes, entry.compressedSize);
    const bytes = unpack(entry.compressionMethod, packed, mostBytes);
    if (bytes) found.set(nameOf(entry), bytes);
  }
  return found;
}

function unpack(method: number, packed: Buffer, mostBytes: number): Buffer | undefined {
  if (method === STORED) return packed;
  if (method !== DEFLATED) return undefined;
  try {
    return inflateRawSync(packed, { maxOutputLength: mostBytes });
  } catch {
    // Damaged, or larger than its directory says: not one of those that are wanted.
    return undefined;
  }
}
