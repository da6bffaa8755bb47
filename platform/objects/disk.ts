import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { refusal } from "../../domain/errors.ts";
import {
  type DiskFolders,
  entriesOf,
  folderAbove,
  folderOf,
  isAbsent,
  namesIn,
  pathAbove,
  syncFolder,
  writeDurably,
} from "./disk-layout.ts";
import {
  type Intent,
  keepAlive,
  readIntent,
  stage,
  sweep,
  unstage,
  unstageAll,
} from "./disk-staging.ts";
import { placeVersion, removeVersions, withVersion } from "./disk-versions.ts";
import { takeIn } from "./intake.ts";
import { assertKey, inKeyOrder, toByteText } from "./keys.ts";
import {
  type CopyOptions,
  DEFAULT_CONTENT_TYPE,
  MAX_PART_BYTES,
  type ObjectFacts,
  ObjectMissing,
  type ObjectStore,
  type OpenedObject,
  PartMissing,
  type PartUpload,
  type PutOptions,
  spanOf,
  UploadMissing,
  type Written,
  type WrittenPart,
} from "./store.ts";

const WRITE_BYTES = 1024 * 1024;
const READ_BYTES = 512 * 1024;

interface Disk extends DiskFolders {
  /** How long a write is believed to go on after the last sign of its writer. */
  leaseMs: number;
  sweptAt: number;
}

/**
 * Objects as files below `folder`, for any number of processes at once. Opening it, and writing to it, removes
 * what killed processes left once it is older than `leaseMs` (default a minute).
 */
export async function openDiskStore(
  folder: string,
  { leaseMs = 60_000 }: { leaseMs?: number } = {},
): Promise<ObjectStore> {
  const root = resolve(folder);
  const objects = join(root, "objects");
  const staged = join(root, "staged");
  const trash = join(root, "trash");
  for (const each of [objects, staged, trash]) await mkdir(each, { recursive: true, mode: 0o700 });
  await syncFolder(root);
  const disk: Disk = { objects, staged, trash, leaseMs, sweptAt: 0 };
  await sweepWhenDue(disk);

  return {
    put: (key, body, options = {}) => put(disk, key, body, options),
    open: (key) => openObject(disk, key),
    head: (key) => withVersion(keyFolder(disk, key), readFacts),
    copy: (from, to, options = {}) => copy(disk, from, to, options),
    delete: (key) => removeVersions(disk, keyFolder(disk, key)),
    list: (prefix) => list(disk, prefix),
    startParts: (key, options = {}) => startParts(disk, key, options),
    putPart: (upload, number, body) => putPart(disk, upload, number, body),
    completeParts: (upload, parts) => completeParts(disk, upload, parts),
    discardUnfinished: (prefix) => unstageAll(disk, prefix),
    check: () => check(disk),
  };
}

async function put(
  disk: Disk,
  key: string,
  body: Readable | Uint8Array | string,
  options: PutOptions,
): Promise<Written> {
  const { contentType = DEFAULT_CONTENT_TYPE, metadata = {} } = options;
  return takeIn(body, options, async (chunks) => {
    await replace(disk, key, async (path) => {
      const bytes = await writeBytes(path, chunks);
      return { bytes, contentType, metadata };
    });
  });
}

async function copy(
  disk: Disk,
  from: string,
  to: string,
  options: CopyOptions,
): Promise<ObjectFacts> {
  const source = keyFolder(disk, from);
  const facts = await replace(disk, to, async (path) => {
    const copied = await withVersion(source, async (version) => {
      const { bytes, contentType, metadata } = await readFacts(version);
      await linkOrCopy(join(version, "bytes"), path, options);
      return {
        bytes,
        contentType: options.contentType ?? contentType,
        metadata: options.metadata ?? metadata,
      };
    });
    if (!copied) throw new ObjectMissing(from);
    return copied;
  });
  options.onProgress?.(facts.bytes);
  return facts;
}

/** One replacement of what `key` shows: `fill` writes the bytes to the path it is given and says what they are. */
async function replace(
  disk: Disk,
  key: string,
  fill: (path: string) => Promise<Pick<ObjectFacts, "bytes" | "contentType" | "metadata">>,
): Promise<ObjectFacts> {
  const folder = keyFolder(disk, key);
  await sweepWhenDue(disk);
  return noteFullDisk(async () => {
    const id = await stage(disk, { kind: "put", key });
    const release = keepAlive(disk, id, disk.leaseMs);
    try {
      const staged = join(disk.staged, id);
      const filled = await fill(join(staged, "bytes"));
      const facts = { key, ...filled, modifiedAt: new Date() };
      await writeDurably(join(staged, "facts.json"), JSON.stringify(facts));
      await syncFolder(staged);
      await placeVersion(disk, staged, folder, id);
      return facts;
    } finally {
      release();
      await unstage(disk, id, key);
    }
  });
}

async function openObject(disk: Disk, key: string): Promise<OpenedObject | undefined> {
  return withVersion(keyFolder(disk, key), async (version) => {
    const facts = await readFacts(version);
    const handle = await open(join(version, "bytes"), "r");
    if ((await handle.stat()).size !== facts.bytes) {
      await handle.close();
      throw new Error("a stored object is damaged: its file has another length than was written");
    }
    let uses = 1;
    let isOpen = true;
    const release = async () => {
      uses -= 1;
      if (uses === 0) await handle.close();
    };
    return {
      facts,
      file: relative(disk.objects, join(version, "bytes")),
      async read(range) {
        const { start, length } = spanOf(facts, range);
        const stream = Readable.from(bytesOf(handle, start, length), {
          objectMode: false,
          highWaterMark: READ_BYTES,
        });
        uses += 1;
        return stream.once("close", () => void release());
      },
      async fill(block, position) {
        uses += 1;
        try {
          return await fill(handle, block, position);
        } finally {
          await release();
        }
      },
      async close() {
        if (isOpen) await release();
        isOpen = false;
      },
    };
  });
}

async function* bytesOf(handle: FileHandle, start: number, length: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < length;) {
    const block = Buffer.allocUnsafe(Math.min(READ_BYTES, length - done));
    const bytes = await fill(handle, block, start + done);
    done += bytes;
    yield block.subarray(0, bytes);
  }
}

async function fill(handle: FileHandle, block: Buffer, position: number): Promise<number> {
  const { bytesRead } = await handle.read(block, 0, block.length, position);
  if (bytesRead === 0) throw new Error("a stored object is damaged: its file became shorter");
  return bytesRead;
}

async function* list(disk: Disk, prefix: string): AsyncGenerator<ObjectFacts> {
  const start = toByteText(prefix);
  const entries = inKeyOrder(
    { path: pathAbove(start), place: folderAbove(disk.objects, start) },
    start,
    entriesOf,
  );
  for await (const { place } of entries) {
    const facts = await withVersion(place, readFacts);
    if (facts) yield facts;
  }
}

async function startParts(
  disk: Disk,
  key: string,
  {
    contentType = DEFAULT_CONTENT_TYPE,
    metadata = {},
  }: Pick<PutOptions, "contentType" | "metadata">,
): Promise<PartUpload> {
  assertKey(key);
  const uploadId = await noteFullDisk(() =>
    stage(disk, { kind: "parts", key, contentType, metadata }),
  );
  await syncFolder(disk.staged);
  return { key, uploadId };
}

async function putPart(
  disk: Disk,
  upload: PartUpload,
  number: number,
  body: Readable | Uint8Array,
): Promise<WrittenPart> {
  const draft = `${randomUUID()}.draft`;
  return noteFullDisk(async () => {
    let folder = "";
    try {
      const { bytes, sha256 } = await takeIn(body, { maxBytes: MAX_PART_BYTES }, async (chunks) => {
        folder = (await findParts(disk, upload)).folder;
        await writeBytes(join(folder, draft), chunks);
      });
      const name = partName({ number, tag: sha256 });
      // Only what was there before goes: of two that write the same number at once, neither removes the other.
      const replaced = (await namesIn(folder)).filter(
        (other) => other.startsWith(`${number}-`) && other !== name,
      );
      await rename(join(folder, draft), join(folder, name));
      await syncFolder(folder);
      for (const old of replaced) await rm(join(folder, old), { force: true });
      return { number, bytes, tag: sha256 };
    } catch (error) {
      if (folder) await rm(join(folder, draft), { force: true });
      throw isAbsent(error) ? new UploadMissing(upload) : error;
    }
  });
}

async function completeParts(
  disk: Disk,
  upload: PartUpload,
  parts: WrittenPart[],
): Promise<ObjectFacts> {
  const { folder, contentType, metadata } = await findParts(disk, upload);
  const names = parts.toSorted((one, other) => one.number - other.number).map(partName);
  const present = new Set(await namesIn(folder));
  if (names.length === 0 || names.some((name) => !present.has(name))) {
    throw new PartMissing(upload);
  }

  async function* joined(): AsyncGenerator<Buffer> {
    for (const name of names) {
      yield* createReadStream(join(folder, name), { highWaterMark: WRITE_BYTES });
    }
  }

  const facts = await replace(disk, upload.key, async (path) => {
    const bytes = await writeBytes(path, joined());
    return { bytes, contentType, metadata };
  });
  await unstage(disk, upload.uploadId);
  return facts;
}

async function check(disk: Disk): Promise<void> {
  const path = join(disk.staged, `check-${randomUUID()}`);
  await noteFullDisk(async () => {
    try {
      await writeDurably(path, path);
      if ((await readFile(path, "utf8")) !== path) throw new Error("a file read back differs");
    } finally {
      await rm(path, { force: true });
    }
  });
}

function keyFolder({ objects }: Disk, key: string): string {
  assertKey(key);
  return folderOf(objects, key);
}

function partName({ number, tag }: Pick<WrittenPart, "number" | "tag">): string {
  return `${number}-${tag}`;
}

async function findParts(
  disk: Disk,
  upload: PartUpload,
): Promise<Extract<Intent, { kind: "parts" }> & { folder: string }> {
  const intent = await readIntent(disk, upload.uploadId);
  if (intent?.kind !== "parts" || intent.key !== upload.key) throw new UploadMissing(upload);
  return { ...intent, folder: join(disk.staged, upload.uploadId) };
}

async function readFacts(version: string): Promise<ObjectFacts> {
  const facts = JSON.parse(await readFile(join(version, "facts.json"), "utf8")) as ObjectFacts;
  return { ...facts, modifiedAt: new Date(facts.modifiedAt) };
}

/** Writes a new file that survives a power cut once its folder is synced; answers its length. */
async function writeBytes(path: string, chunks: AsyncIterable<Buffer>): Promise<number> {
  // Its buffers go to the disk as they came, many in one call, while the next are hashed.
  const file = createWriteStream(path, { flags: "wx", highWaterMark: WRITE_BYTES, flush: true });
  await pipeline(chunks, file);
  return file.bytesWritten;
}

/** A second name for the same bytes; where the file system has none to give, a second copy of them. */
async function linkOrCopy(from: string, to: string, options: CopyOptions): Promise<void> {
  options.signal?.throwIfAborted();
  try {
    await link(from, to);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["EXDEV", "EMLINK", "EPERM", "ENOTSUP", "ENOSYS"].includes(code)) throw error;
    const handle = await open(from, "r");
    await takeIn(
      handle.createReadStream({ highWaterMark: WRITE_BYTES }),
      options,
      async (chunks) => {
        await writeBytes(to, chunks);
      },
    );
  }
}

async function sweepWhenDue(disk: Disk): Promise<void> {
  if (Date.now() - disk.sweptAt < disk.leaseMs) return;
  disk.sweptAt = Date.now();
  await sweep(disk, disk.leaseMs);
}

async function noteFullDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["ENOSPC", "EDQUOT"].includes(code)) throw error;
    throw refusal("platform/storage-full", "The storage is full. Free some space, then try again.");
  }
}
