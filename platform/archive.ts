import { createInflateRaw } from "node:zlib";
import {
  fromRandomAccessReaderPromise,
  getFileNameLowLevel,
  RandomAccessReader,
  validateFileName,
  type Entry,
  type ZipFile,
} from "yauzl";
import { refusal, refusalIn } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { PackageType } from "../domain/packages.ts";
import { isExecutable } from "./executable.ts";
import type { OpenedObject } from "./objects/index.ts";

/** What a careful reader wants to know of an archive's entries; none of it makes the archive unreadable. */
export type ArchiveFinding =
  | "encrypted"
  | "unsafe-name"
  | "symlink"
  | "second-manifest"
  | "disguised";

/** What the directory of a ZIP archive says, its entries unread; of a program of Windows only what it is. */
export interface ArchiveListing {
  type: PackageType;
  entries: number;
  compressedBytes: number;
  uncompressedBytes: number;
  /** What the largest entry says that it unpacks to. */
  largestEntryBytes: number;
  /** The first 1,000 names in the order of the directory. */
  names: string[];
  /** Per finding how often, and the first 10 names. */
  findings: { finding: ArchiveFinding; count: number; names: string[] }[];
}

const MANIFEST = "AndroidManifest.xml";
const NAMES_KEPT = 1000;
const SHOWN_CHARACTERS = 100;
const EXAMPLES_KEPT = 10;

/** How much is fetched at once: most packages have their whole directory in it. */
const WINDOW_BYTES = 512 * 1024;

/**
 * Reads the directory of a ZIP archive through a few ranges, whatever the size of the archive. Refuses with
 * `packages/not-an-archive` what is neither a ZIP nor a program of Windows, or has a damaged directory, and with `packages/too-many-entries`
 * what has more than `LIMITS.archiveEntries`; when the store fails, its error comes through. With `headers` it also
 * looks at what stands before each entry, which takes a range every half MiB.
 */
export async function readArchive(
  object: OpenedObject,
  { headers = false }: { headers?: boolean } = {},
): Promise<ArchiveListing> {
  const windows = createWindows(object);
  try {
    if (await isExecutable(windows)) return programOf(windows);
    const stubBytes = await measureStub(windows);
    const zip = await fromRandomAccessReaderPromise(
      new WindowReader(windows, stubBytes),
      windows.bytes - stubBytes,
      { autoClose: false, decodeStrings: false, validateEntrySizes: false },
    );
    const headed: Headed[] | undefined = headers ? [] : undefined;
    const listing = await listEntries(zip, headed);
    if (headed) await findDisguised({ object, windows, stubBytes }, headed, listing);
    return listing;
  } catch (error) {
    if (windows.failure()) throw windows.failure();
    if (refusalIn(error)) throw error;
    throw refusal(
      "packages/not-an-archive",
      "This file is neither a ZIP archive nor an EXE, or it is damaged: send the whole package.",
    );
  }
}

/** A program has no entries; what lies packed in it is the scanner's to find. */
function programOf({ bytes }: Windows): ArchiveListing {
  const sizes = { compressedBytes: bytes, uncompressedBytes: bytes, largestEntryBytes: bytes };
  return { type: "exe", entries: 0, ...sizes, names: [], findings: [] };
}

/** Only the type of what `readArchive` reads; refuses the same. */
export async function archiveType(object: OpenedObject): Promise<PackageType> {
  return (await readArchive(object)).type;
}

async function listEntries(zip: ZipFile, headed?: Headed[]): Promise<ArchiveListing> {
  if (zip.entryCount > LIMITS.archiveEntries) {
    const most = LIMITS.archiveEntries.toLocaleString("en");
    throw refusal("packages/too-many-entries", `An archive may have at most ${most} entries.`);
  }
  const listing: ArchiveListing = {
    type: "zip",
    entries: 0,
    compressedBytes: 0,
    uncompressedBytes: 0,
    largestEntryBytes: 0,
    names: [],
    findings: [],
  };
  let manifests = 0;
  for await (const entry of zip.eachEntry()) {
    const name = nameOf(entry);
    listing.entries++;
    listing.compressedBytes += entry.compressedSize;
    listing.uncompressedBytes += entry.uncompressedSize;
    listing.largestEntryBytes = Math.max(listing.largestEntryBytes, entry.uncompressedSize);
    if (listing.names.length < NAMES_KEPT) listing.names.push(name);
    if (name === MANIFEST && ++manifests > 1) addFinding(listing, "second-manifest", name);
    if (name === MANIFEST) listing.type = "apk";
    else if (listing.type === "zip" && /^Payload\/[^/]+\.app\//.test(name)) listing.type = "ipa";
    for (const finding of findingsOf(entry, name)) addFinding(listing, finding, name);
    headed?.push({
      name: name.slice(0, SHOWN_CHARACTERS),
      at: entry.relativeOffsetOfLocalHeader,
      method: entry.compressionMethod,
      compressedBytes: entry.compressedSize,
      uncompressedBytes: entry.uncompressedSize,
    });
  }
  if (!Number.isSafeInteger(listing.uncompressedBytes + listing.compressedBytes))
    throw new Error("the sizes in the directory cannot be true");
  return listing;
}

/** The name of an entry: with `decodeStrings: false` yauzl leaves names undecoded and unchecked, so that a bad one stops nothing. */
export function nameOf(entry: Entry): string {
  return getFileNameLowLevel(
    entry.generalPurposeBitFlag,
    entry.fileNameRaw,
    entry.extraFields,
    false,
  );
}

function findingsOf(entry: Entry, name: string): ArchiveFinding[] {
  const findings: ArchiveFinding[] = [];
  if (entry.isEncrypted()) findings.push("encrypted");
  if (validateFileName(name) !== null || name === "" || /\p{Cc}/u.test(name))
    findings.push("unsafe-name");
  if (isSymlink(entry)) findings.push("symlink");
  return findings;
}

/** What the directory says of an entry whose own header is to say the same. */
interface Headed {
  name: string;
  at: number;
  method: number;
  compressedBytes: number;
  uncompressedBytes: number;
}

const HEADER = { signature: 0x04034b50, bytes: 30, flags: 6, method: 8, compressedBytes: 18 };
const NAME_LENGTH = 26;
const EXTRA_LENGTH = 28;
/** The sizes follow the entry, and its header says nothing of them. */
const SIZES_FOLLOW = 0x08;
const DEFLATED = 8;
/** Deflate packs nothing tighter. What cannot unpack to more than a scanner looks at need not be tried. */
const TIGHTEST_RATIO = 1032;

/** Where an archive lies. */
interface Place {
  object: OpenedObject;
  windows: Windows;
  stubBytes: number;
}

/**
 * Finds entries whose own headers say something else than the directory, and those that unpack to more than they say.
 * Scanners go by the headers, and miss what these hide; installers go by the directory. In the order of the archive,
 * so that it is read once at most.
 */
async function findDisguised(
  place: Place,
  entries: Headed[],
  listing: ArchiveListing,
): Promise<void> {
  for (const entry of entries.sort((a, b) => a.at - b.at)) {
    const header = await place.windows.load(entry.at + place.stubBytes, HEADER.bytes);
    const sizesFollow = (header.readUInt16LE(HEADER.flags) & SIZES_FOLLOW) !== 0;
    const agrees =
      header.readUInt32LE(0) === HEADER.signature &&
      header.readUInt16LE(HEADER.method) === entry.method &&
      (sizesFollow || header.readUInt32LE(HEADER.compressedBytes) === entry.compressedBytes);
    const names = header.readUInt16LE(NAME_LENGTH) + header.readUInt16LE(EXTRA_LENGTH);
    const start = entry.at + place.stubBytes + HEADER.bytes + names;
    if (!agrees || (await unpacksToMore(place.object, start, entry))) {
      addFinding(listing, "disguised", entry.name);
    }
  }
}

/** Whether an entry unpacks to more than the directory says; stops as soon as it does. */
async function unpacksToMore(
  object: OpenedObject,
  start: number,
  { method, compressedBytes, uncompressedBytes }: Headed,
): Promise<boolean> {
  const most = compressedBytes * TIGHTEST_RATIO;
  if (method !== DEFLATED || most <= LIMITS.scannedFileBytes) return false;
  const packed = await object.read({ start, end: start + compressedBytes - 1 });
  let bytes = 0;
  try {
    for await (const chunk of packed.compose(createInflateRaw()) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > uncompressedBytes) return true;
    }
    return false;
  } catch (error) {
    // What cannot be unpacked cannot be looked into.
    if ((error as NodeJS.ErrnoException).code?.startsWith("Z_")) return true;
    throw error;
  } finally {
    packed.destroy();
  }
}

/** Archives made on Unix (3) and macOS (19) keep the file's mode in the upper half of the attributes. */
function isSymlink({ versionMadeBy, externalFileAttributes }: Entry): boolean {
  const system = versionMadeBy >>> 8;
  const kind = (externalFileAttributes >>> 16) & 0o170_000;
  return (system === 3 || system === 19) && kind === 0o120_000;
}

function addFinding({ findings }: ArchiveListing, finding: ArchiveFinding, name: string): void {
  let found = findings.find((known) => known.finding === finding);
  if (!found) findings.push((found = { finding, count: 0, names: [] }));
  found.count++;
  if (found.names.length < EXAMPLES_KEPT) found.names.push(name);
}

const ENTRY_SIGNATURE = 0x02014b50;
const END = { signature: 0x06054b50, bytes: 22, maxCommentBytes: 0xffff };
const END64 = { signature: 0x06064b50, bytes: 56, locatorBytes: 20 };

/**
 * How many bytes stand before an archive whose offsets do not count them, as when a program was put in
 * front of a finished archive. yauzl and Android take offsets literally, so those come first.
 */
export async function measureStub(windows: Windows): Promise<number> {
  const endBytes = END64.bytes + END64.locatorBytes + END.bytes + END.maxCommentBytes;
  const start = Math.max(0, windows.bytes - endBytes);
  const tail = await windows.load(start, windows.bytes - start);
  const end = findEnd(tail);
  if (!end || end.directoryBytes === 0) return 0;
  const found = await windows.load(end.directoryStart, 4).catch(() => undefined);
  if (found?.readUInt32LE(0) === ENTRY_SIGNATURE) return 0;
  return Math.max(0, start + end.position - end.directoryBytes - end.directoryStart);
}

/** The end record of the directory: where it stands in `tail`, and what it says of the directory. */
function findEnd(tail: Buffer) {
  for (let at = tail.length - END.bytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END.signature) continue;
    if (tail.readUInt16LE(at + 20) !== tail.length - at - END.bytes) continue;
    const wide = at - END64.locatorBytes - END64.bytes;
    if (wide >= 0 && tail.readUInt32LE(wide) === END64.signature) {
      return {
        position: wide,
        directoryBytes: Number(tail.readBigUInt64LE(wide + 40)),
        directoryStart: Number(tail.readBigUInt64LE(wide + 48)),
      };
    }
    return {
      position: at,
      directoryBytes: tail.readUInt32LE(at + 12),
      directoryStart: tail.readUInt32LE(at + 16),
    };
  }
  return undefined;
}

/** The bytes of an object through a window that moves over it. */
export interface Windows {
  bytes: number;
  /** The bytes when they are at hand. */
  peek(position: number, length: number): Buffer | undefined;
  /** Throws when they reach beyond the object, or the store fails. */
  load(position: number, length: number): Promise<Buffer>;
  /** What the store threw, to be told from a fault of the archive. */
  failure(): unknown;
}

/** Opens windows over an object, which are filled from the store as they move. */
export function createWindows(object: OpenedObject): Windows {
  const { bytes } = object.facts;
  // Two, for the end of an archive is looked at twice and the directory in between.
  let held: { start: number; bytes: Buffer }[] = [];
  let failure: unknown;

  function peek(position: number, length: number): Buffer | undefined {
    for (const window of held) {
      const from = position - window.start;
      if (from >= 0 && from + length <= window.bytes.length)
        return window.bytes.subarray(from, from + length);
    }
    return undefined;
  }

  async function load(position: number, length: number): Promise<Buffer> {
    if (!(position >= 0 && position + length <= bytes)) throw new Error("beyond the end");
    const span = Math.min(bytes, Math.max(length, WINDOW_BYTES));
    const start = Math.min(position, bytes - span);
    try {
      held = [{ start, bytes: await readRange(object, start, span) }, ...held.slice(0, 1)];
    } catch (error) {
      failure = error;
      throw error;
    }
    return peek(position, length)!;
  }

  return {
    bytes,
    peek,
    load: async (position, length) => peek(position, length) ?? load(position, length),
    failure: () => failure,
  };
}

/** So many bytes of an object, from one on; throws when the store gives fewer. */
export async function readRange(
  object: OpenedObject,
  start: number,
  bytes: number,
): Promise<Buffer> {
  if (bytes === 0) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  for await (const chunk of await object.read({ start, end: start + bytes - 1 }))
    chunks.push(chunk as Buffer);
  const read = Buffer.concat(chunks);
  if (read.length === bytes) return read;
  throw new Error(`${object.facts.key}: ${read.length} bytes instead of ${bytes} from ${start}`);
}

/** Lets yauzl read through the window, from behind a stub of `stubBytes`. */
export class WindowReader extends RandomAccessReader {
  readonly #windows: Windows;
  readonly #stubBytes: number;

  constructor(windows: Windows, stubBytes: number) {
    super();
    this.#windows = windows;
    this.#stubBytes = stubBytes;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const from = position + this.#stubBytes;
    const take = (bytes: Buffer) => {
      bytes.copy(buffer, offset);
      callback(null);
    };
    const ready = this.#windows.peek(from, length);
    if (ready) take(ready);
    else this.#windows.load(from, length).then(take, callback);
  }
}
