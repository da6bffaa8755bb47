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
  /** The bytes of the inclusive range, or all of them. Destroying the stream frees its source. */
  read(range?: ByteRange): Promise<Readable>;
  close(): Promise<void>;
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
  /** Called with the bytes so far, at most about twice a second. */
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

/**
 * Bytes under keys: `a/b/c`, any Unicode, at most 1,000 bytes. A key shows nothing until a write has ended,
 * and then all of it; a write under a used key replaces it in one step. Streams only; nothing whole in memory.
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
  /** Parts are numbered 1–10,000; each but the last has at least 5 MiB. The same number again replaces the part. */
  putPart(upload: PartUpload, number: number, body: Readable | Uint8Array): Promise<WrittenPart>;
  completeParts(upload: PartUpload, parts: WrittenPart[]): Promise<ObjectFacts>;
  /** Removes what an unfinished write under keys with this prefix left behind; answers how many. Twice is harmless. */
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
