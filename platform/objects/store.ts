import type { Readable } from "node:stream";

/** What is known of a stored object without reading it. */
export interface ObjectFacts {
  key: string;
  bytes: number;
  contentType: string;
  /** Small facts kept with the object and switched together with its bytes; keys `[a-z0-9-]+`, values any text. */
  metadata: Record<string, string>;
  modifiedAt: Date;
}

/** An object opened once: facts and bytes belong together, whatever is put under its key meanwhile. */
export interface OpenedObject {
  facts: ObjectFacts;
  /**
   * The bytes of the inclusive range, or all of them. Destroying the stream frees its source.
   * Throws `ObjectReplaced` when the store no longer has these bytes; never gives others.
   */
  read(range?: ByteRange): Promise<Readable>;
  /**
   * Fills memory of the caller's with the bytes from `position` on, as many as come at once: at least one. Costs less
   * than a stream; only from this machine's disk.
   */
  fill?: (block: Buffer, position: number) => Promise<number>;
  /** Where the bytes lie on this machine's disk, below the store's `objects` folder; only there. */
  file?: string;
  /** An address under which anybody gets the bytes for some seconds; only from a server that gives such. */
  presign?: (terms: PresignTerms) => Promise<string>;
  /** Must be called when nothing more will be read; streams that run go on to their end. */
  close(): Promise<void>;
}

/** For how long an address is good, and what is said of the bytes there. */
export interface PresignTerms {
  seconds: number;
  contentType: string;
  contentDisposition: string;
  cacheControl: string;
}

/** First and last byte, both included, counted from 0. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface PutOptions {
  contentType?: string;
  metadata?: Record<string, string>;
  signal?: AbortSignal;
  /** Refuses with `request/too-large` (domain/errors.ts) as soon as more bytes than this have arrived. */
  maxBytes?: number;
  /** Called with the bytes so far, at most about twice a second, and at the end. */
  onProgress?: (bytes: number) => void;
}

/** What a finished write is: its length and the sha256 (lower-case hex) computed while it streamed. */
export interface Written {
  bytes: number;
  sha256: string;
}

export interface CopyOptions {
  contentType?: string;
  /** Replaces the metadata of the source when given. */
  metadata?: Record<string, string>;
  signal?: AbortSignal;
  onProgress?: (bytes: number) => void;
}

/** A write in parts, for uploads that arrive over many requests. */
export interface PartUpload {
  key: string;
  uploadId: string;
}

export interface WrittenPart {
  number: number;
  bytes: number;
  /** What `completeParts` needs back, as it was. */
  tag: string;
}

/** What an object is said to be when its writer did not say. */
export const DEFAULT_CONTENT_TYPE = "application/octet-stream";

/** The largest part that `putPart` takes: S3 wants to know its length first, so it is held in memory there. */
export const MAX_PART_BYTES = 32 * 1024 * 1024;

/**
 * Bytes under keys: `a/b/c`, any Unicode but NUL, 1 to 1,000 bytes. A key shows nothing until a write has ended,
 * and then all of it; a write under a used key replaces it in one step. Streams only; nothing whole in memory.
 * A full store refuses with `platform/storage-full`, a key that cannot be with `request/invalid`.
 */
export interface ObjectStore {
  put(key: string, body: Readable | Uint8Array | string, options?: PutOptions): Promise<Written>;
  open(key: string): Promise<OpenedObject | undefined>;
  head(key: string): Promise<ObjectFacts | undefined>;
  /** Throws `ObjectMissing` when there is nothing under `from`. */
  copy(from: string, to: string, options?: CopyOptions): Promise<ObjectFacts>;
  /** Twice is harmless: an absent key is no error. */
  delete(key: string): Promise<void>;
  /** All objects whose key begins with `prefix`, in the order of their keys' UTF-8 bytes. */
  list(prefix: string): AsyncIterable<ObjectFacts>;
  startParts(
    key: string,
    options?: Pick<PutOptions, "contentType" | "metadata">,
  ): Promise<PartUpload>;
  /**
   * Parts are numbered 1–10,000; each has at most `MAX_PART_BYTES`, and each but the last at least 5 MiB.
   * The same number again replaces the part. Throws `UploadMissing` when the upload has ended.
   */
  putPart(upload: PartUpload, number: number, body: Readable | Uint8Array): Promise<WrittenPart>;
  /** Joins the parts, whatever their order here. Throws `UploadMissing` (also when it was completed before) or `PartMissing`. */
  completeParts(upload: PartUpload, parts: WrittenPart[]): Promise<ObjectFacts>;
  /**
   * Removes what an unfinished write under keys with this prefix left behind; answers how many. Twice is
   * harmless. A write that still runs there is ended too: it rejects.
   */
  discardUnfinished(prefix: string): Promise<number>;
  /** Throws unless the store can be written to and read from now. */
  check(): Promise<void>;
}

/** There is no object under this key. */
export class ObjectMissing extends Error {
  constructor(key: string) {
    super(`there is no object under ${key}`);
    this.name = "ObjectMissing";
  }
}

/** What was opened under this key has been replaced or removed since, and no byte of it was read: open it again. */
export class ObjectReplaced extends Error {
  constructor(key: string) {
    super(`the object under ${key} was replaced`);
    this.name = "ObjectReplaced";
  }
}

/** This upload in parts was completed, discarded or never started. */
export class UploadMissing extends Error {
  constructor(upload: PartUpload) {
    super(`there is no upload in parts under ${upload.key} with this id`);
    this.name = "UploadMissing";
  }
}

/** A part named at completion was never written, or was replaced by another. */
export class PartMissing extends Error {
  constructor(upload: PartUpload) {
    super(`a part of the upload under ${upload.key} is not there as it was named`);
    this.name = "PartMissing";
  }
}

/** First byte and length of a range within an object; all of it without a range. Throws `RangeError` outside. */
export function spanOf(
  { bytes }: ObjectFacts,
  range?: ByteRange,
): { start: number; length: number } {
  if (!range) return { start: 0, length: bytes };
  const { start, end } = range;
  if (start < 0 || start > end || end >= bytes) {
    throw new RangeError(`bytes ${start}-${end} are not within 0-${bytes - 1}`);
  }
  return { start, length: end - start + 1 };
}
