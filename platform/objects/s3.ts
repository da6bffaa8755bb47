import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { refusal } from "../../domain/errors.ts";
import { hasAnswered } from "./s3-answers.ts";
import type { S3Settings } from "../env.ts";
import { inBlocks, takeIn } from "./intake.ts";
import { inKeyOrder, type KeyEntry, toByteText } from "./keys.ts";
import { fromHeaders, fromName, namePrefix, toHeaders, toName } from "./s3-names.ts";
import { openPresigner } from "./s3-presign.ts";
import {
  abortUploads,
  type Bucket,
  completeUpload,
  isNamed,
  startUpload,
  uploadInParts,
} from "./s3-parts.ts";
import {
  type CopyOptions,
  DEFAULT_CONTENT_TYPE,
  MAX_PART_BYTES,
  type ObjectFacts,
  ObjectMissing,
  ObjectReplaced,
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

const MiB = 1024 * 1024;
const COPY_TRIES = 10;
const HEADS_AT_ONCE = 16;

/** Sizes at which the store changes its way of writing; given only by tests. */
export interface S3Sizes {
  /** Length of the parts of a larger write; 10,000 of them must hold the largest object. */
  partBytes?: number;
  /** The server copies more than this only in parts (S3: 5 GiB). */
  singleCopyLimitBytes?: number;
}

interface S3 extends Bucket {
  presign: ReturnType<typeof openPresigner>;
  partBytes: number;
  singleCopyLimitBytes: number;
}

/** Objects in a bucket of an S3 server. The bucket is made when it is not there. */
export async function openS3Store(
  settings: S3Settings,
  { partBytes = 8 * MiB, singleCopyLimitBytes = 5 * 1024 * MiB }: S3Sizes = {},
): Promise<ObjectStore> {
  const agent = { keepAlive: true, maxSockets: 512 };
  const configured: S3ClientConfig = {
    endpoint: settings.endpoint,
    region: settings.region,
    credentials: {
      accessKeyId: settings.accessKeyId,
      secretAccessKey: settings.secretAccessKey,
    },
    forcePathStyle: true,
    maxAttempts: 4,
    // Newer checksums by default are refused by S3 servers other than Amazon's.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // A slow reader leaves its connection idle for a while.
    requestHandler: {
      connectionTimeout: 5000,
      socketTimeout: 300_000,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
  const client = new S3Client(configured);
  const presign = openPresigner(settings, configured);
  const s3: S3 = { client, name: settings.bucket, presign, partBytes, singleCopyLimitBytes };
  // A server that is away is waited for by whoever needs it; one that refuses us is told of at once.
  await ensureBucket(s3).catch((error: unknown) => {
    if (hasAnswered(error)) throw error;
  });

  return {
    put: (key, body, options = {}) => put(s3, key, body, options),
    open: (key) => openObject(s3, key),
    head: async (key) => (await headObject(s3, key))?.facts,
    copy: (from, to, options = {}) => copy(s3, from, to, options),
    async delete(key) {
      await client.send(new DeleteObjectCommand({ Bucket: s3.name, Key: toName(key) }));
    },
    list: (prefix) => list(s3, prefix),
    startParts: (key, options = {}) => startParts(s3, key, options),
    putPart: (upload, number, body) => putPart(s3, upload, number, body),
    completeParts: (upload, parts) => completeParts(s3, upload, parts),
    discardUnfinished: (prefix) => abortUploads(s3, prefix),
    async check() {
      await ensureBucket(s3);
      await check(s3);
    },
  };
}

async function put(
  s3: S3,
  key: string,
  body: Readable | Uint8Array | string,
  options: PutOptions,
): Promise<Written> {
  const { contentType = DEFAULT_CONTENT_TYPE, metadata = {}, signal } = options;
  return takeIn(body, options, async (chunks) => {
    const blocks = inBlocks(chunks, s3.partBytes);
    const { value: first = Buffer.alloc(0) } = await blocks.next();
    await noteFullStore(async () => {
      if (first.length < s3.partBytes) {
        const command = new PutObjectCommand({
          Bucket: s3.name,
          Key: toName(key),
          Body: first,
          ContentType: contentType,
          Metadata: toHeaders(metadata),
        });
        await s3.client.send(command, abortedBy(signal));
      } else {
        await uploadInParts(
          s3,
          { key, contentType, metadata },
          startingWith(first, blocks),
          (block, part) => sendPart(s3, { key, ...part }, block, signal),
        );
      }
    });
  });
}

async function copy(s3: S3, from: string, to: string, options: CopyOptions): Promise<ObjectFacts> {
  for (let tries = 1; ; tries++) {
    const source = await headObject(s3, from);
    if (!source) throw new ObjectMissing(from);
    const { contentType, metadata } = { ...source.facts, ...options };
    const target = { ...source.facts, key: to, contentType, metadata, modifiedAt: new Date() };
    try {
      const inOne = source.facts.bytes <= s3.singleCopyLimitBytes;
      await noteFullStore(() => (inOne ? copyInOne : copyInParts)(s3, source, target, options));
      options.onProgress?.(target.bytes);
      return target;
    } catch (error) {
      // The source was replaced after we looked: facts and bytes would be of two objects.
      if (!isNamed(error, "PreconditionFailed", "NoSuchKey") || tries === COPY_TRIES) throw error;
    }
  }
}

async function copyInOne(
  s3: S3,
  source: FoundObject,
  target: ObjectFacts,
  { signal }: CopyOptions,
): Promise<void> {
  const command = new CopyObjectCommand({
    Bucket: s3.name,
    Key: toName(target.key),
    CopySource: copySource(s3, source),
    CopySourceIfMatch: source.etag,
    MetadataDirective: "REPLACE",
    ContentType: target.contentType,
    Metadata: toHeaders(target.metadata),
  });
  await s3.client.send(command, abortedBy(signal));
}

async function copyInParts(
  s3: S3,
  source: FoundObject,
  target: ObjectFacts,
  { signal, onProgress }: CopyOptions,
): Promise<void> {
  const partBytes = Math.min(s3.singleCopyLimitBytes, 512 * MiB);
  const starts = Array.from(
    { length: Math.ceil(target.bytes / partBytes) },
    (_, index) => index * partBytes,
  );
  let copied = 0;
  await uploadInParts(s3, target, starts, async (start, { uploadId, number }) => {
    const end = Math.min(start + partBytes, target.bytes) - 1;
    const command = new UploadPartCopyCommand({
      Bucket: s3.name,
      Key: toName(target.key),
      UploadId: uploadId,
      PartNumber: number,
      CopySource: copySource(s3, source),
      CopySourceIfMatch: source.etag,
      CopySourceRange: `bytes=${start}-${end}`,
    });
    const answer = await s3.client.send(command, abortedBy(signal));
    copied += end - start + 1;
    onProgress?.(copied);
    return answer.CopyPartResult!.ETag!;
  });
}

async function openObject(s3: S3, key: string): Promise<OpenedObject | undefined> {
  const found = await headObject(s3, key);
  if (!found) return undefined;
  const { facts, etag } = found;
  return {
    facts,
    presign: (terms) => s3.presign(key, terms),
    async read(range) {
      const { start, length } = spanOf(facts, range);
      if (length === 0) return Readable.from([]);
      const command = new GetObjectCommand({
        Bucket: s3.name,
        Key: toName(key),
        IfMatch: etag,
        ...(range && { Range: `bytes=${start}-${start + length - 1}` }),
      });
      try {
        const answer = await s3.client.send(command);
        const stream = answer.Body as Readable;
        // A server that does not know the condition still says what it sends.
        if (answer.ETag === etag && answer.ContentLength === length) return stream;
        stream.destroy();
      } catch (error) {
        if (!isNamed(error, "PreconditionFailed", "NoSuchKey", "InvalidRange")) throw error;
      }
      throw new ObjectReplaced(key);
    },
    async close() {
      // Each read has its own connection, freed with its stream.
    },
  };
}

async function* list(s3: S3, prefix: string): AsyncGenerator<ObjectFacts> {
  const place = namePrefix(prefix);
  const start = { place, path: toByteText(fromName(place)) };
  let names: string[] = [];
  for await (const entry of inKeyOrder(start, toByteText(prefix), (at) =>
    entriesOf(s3, at.place),
  )) {
    names.push(entry.place);
    if (names.length === HEADS_AT_ONCE) {
      yield* factsOf(s3, names);
      names = [];
    }
  }
  yield* factsOf(s3, names);
}

async function* factsOf(s3: S3, names: string[]): AsyncGenerator<ObjectFacts> {
  for (const found of await Promise.all(names.map((name) => headObject(s3, fromName(name))))) {
    if (found) yield found.facts;
  }
}

/** One folder at a time: servers that keep files sort `a/b` before `a!`, so their own order cannot be used. */
async function entriesOf(s3: S3, place: string): Promise<KeyEntry[]> {
  const entries: KeyEntry[] = [];
  let token: string | undefined;
  do {
    const page = await s3.client.send(
      new ListObjectsV2Command({
        Bucket: s3.name,
        Prefix: place,
        Delimiter: "/",
        ContinuationToken: token,
      }),
    );
    for (const { Prefix = "" } of page.CommonPrefixes ?? []) {
      entries.push({ path: toByteText(fromName(Prefix)), place: Prefix, isObject: false });
    }
    for (const { Key = "" } of page.Contents ?? []) {
      // Some servers show an empty folder as an object with its slash; our names never end so.
      if (Key.endsWith("/")) continue;
      entries.push({ path: toByteText(fromName(Key)), place: Key, isObject: true });
    }
    token = page.NextContinuationToken;
  } while (token);
  return entries;
}

async function startParts(
  s3: S3,
  key: string,
  {
    contentType = DEFAULT_CONTENT_TYPE,
    metadata = {},
  }: Pick<PutOptions, "contentType" | "metadata">,
): Promise<PartUpload> {
  return { key, uploadId: await startUpload(s3, { key, contentType, metadata }) };
}

async function putPart(
  s3: S3,
  upload: PartUpload,
  number: number,
  body: Readable | Uint8Array,
): Promise<WrittenPart> {
  let tag = "";
  const { bytes } = await takeIn(body, { maxBytes: MAX_PART_BYTES }, async (chunks) => {
    const blocks = inBlocks(chunks, MAX_PART_BYTES);
    const { value: part = Buffer.alloc(0) } = await blocks.next();
    await blocks.next(); // Refused when there is more.
    tag = await noteMissing(upload, () => sendPart(s3, { ...upload, number }, part));
  });
  return { number, bytes, tag };
}

async function completeParts(
  s3: S3,
  upload: PartUpload,
  parts: WrittenPart[],
): Promise<ObjectFacts> {
  if (parts.length === 0) throw new PartMissing(upload);
  const ordered = parts
    .toSorted((one, other) => one.number - other.number)
    .map(({ number, tag }) => ({ PartNumber: number, ETag: tag }));
  await noteMissing(upload, () => completeUpload(s3, upload, ordered));
  const found = await headObject(s3, upload.key);
  if (!found) throw new ObjectMissing(upload.key);
  return found.facts;
}

async function check(s3: S3): Promise<void> {
  const object = { Bucket: s3.name, Key: `.check/${randomUUID()}` };
  await noteFullStore(async () => {
    await s3.client.send(new PutObjectCommand({ ...object, Body: Buffer.from("ready") }));
    await s3.client.send(new HeadObjectCommand(object));
    await s3.client.send(new DeleteObjectCommand(object));
  });
}

interface FoundObject {
  facts: ObjectFacts;
  /** As the server writes it, with its quotes. */
  etag: string;
}

async function headObject(s3: S3, key: string): Promise<FoundObject | undefined> {
  const name = toName(key);
  let answer: HeadObjectCommandOutput;
  try {
    answer = await s3.client.send(new HeadObjectCommand({ Bucket: s3.name, Key: name }));
  } catch (error) {
    if (isNamed(error, "NotFound", "NoSuchKey")) return undefined;
    throw error;
  }
  return {
    facts: {
      key,
      bytes: answer.ContentLength ?? 0,
      contentType: answer.ContentType ?? DEFAULT_CONTENT_TYPE,
      metadata: fromHeaders(answer.Metadata),
      modifiedAt: answer.LastModified ?? new Date(0),
    },
    etag: answer.ETag ?? "",
  };
}

async function sendPart(
  s3: S3,
  { key, uploadId, number }: PartUpload & { number: number },
  body: Buffer,
  signal?: AbortSignal,
): Promise<string> {
  const command = new UploadPartCommand({
    Bucket: s3.name,
    Key: toName(key),
    UploadId: uploadId,
    PartNumber: number,
    Body: body,
  });
  return (await s3.client.send(command, abortedBy(signal))).ETag!;
}

async function ensureBucket({ client, name }: Bucket): Promise<void> {
  try {
    await client.send(new HeadBucketCommand({ Bucket: name }));
  } catch (error) {
    if (!isNamed(error, "NotFound", "NoSuchBucket")) throw error;
    await client.send(new CreateBucketCommand({ Bucket: name })).catch((refused: unknown) => {
      // Another process was faster.
      if (!isNamed(refused, "BucketAlreadyOwnedByYou")) throw refused;
    });
  }
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

function copySource({ name }: Bucket, { facts }: FoundObject): string {
  return `${name}/${toName(facts.key).split("/").map(encodeURIComponent).join("/")}`;
}

function abortedBy(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}

async function noteMissing<T>(upload: PartUpload, work: () => Promise<T>): Promise<T> {
  try {
    return await noteFullStore(work);
  } catch (error) {
    if (isNamed(error, "NoSuchUpload")) throw new UploadMissing(upload);
    if (isNamed(error, "InvalidPart", "InvalidPartOrder")) throw new PartMissing(upload);
    throw error;
  }
}

async function noteFullStore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status !== 507 && !isNamed(error, "XMinioStorageFull", "QuotaExceeded")) throw error;
    throw refusal("platform/storage-full", "The storage is full. Free some space, then try again.");
  }
}
