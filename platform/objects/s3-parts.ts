import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { fromName, namePrefix, toHeaders, toName } from "./s3-names.ts";
import type { ObjectFacts } from "./store.ts";

const PARTS_IN_FLIGHT = 3;

/** A bucket and the client that reaches it. */
export interface Bucket {
  client: S3Client;
  name: string;
}

/** Begins a write in parts; answers its id. */
export async function startUpload(
  { client, name }: Bucket,
  { key, contentType, metadata }: Pick<ObjectFacts, "key" | "contentType" | "metadata">,
): Promise<string> {
  const started = await client.send(
    new CreateMultipartUploadCommand({
      Bucket: name,
      Key: toName(key),
      ContentType: contentType,
      Metadata: toHeaders(metadata),
    }),
  );
  return started.UploadId!;
}

/** Joins the parts into the object. */
export async function completeUpload(
  { client, name }: Bucket,
  { key, uploadId }: { key: string; uploadId: string },
  parts: CompletedPart[],
): Promise<void> {
  await client.send(
    new CompleteMultipartUploadCommand({
      Bucket: name,
      Key: toName(key),
      UploadId: uploadId,
      MultipartUpload: { Parts: parts },
    }),
  );
}

/**
 * One object out of the parts that `sources` gives, in their order, a few at a time. When anything fails
 * nothing is left: the upload is aborted, but only after the parts on their way have ended, for one that
 * arrives later would stay.
 */
export async function uploadInParts<Source>(
  bucket: Bucket,
  facts: Pick<ObjectFacts, "key" | "contentType" | "metadata">,
  sources: AsyncIterable<Source> | Iterable<Source>,
  send: (source: Source, part: { uploadId: string; number: number }) => Promise<string>,
): Promise<void> {
  const uploadId = await startUpload(bucket, facts);
  const all: Promise<CompletedPart>[] = [];
  const inFlight = new Set<Promise<CompletedPart>>();
  try {
    for await (const source of sources) {
      const number = all.length + 1;
      const part = send(source, { uploadId, number }).then((tag) => {
        inFlight.delete(part);
        return { PartNumber: number, ETag: tag };
      });
      // Its failure is met in the race or at the end; until then it is nobody's.
      part.catch(() => undefined);
      all.push(part);
      inFlight.add(part);
      if (inFlight.size >= PARTS_IN_FLIGHT) await Promise.race(inFlight);
    }
    await completeUpload(bucket, { key: facts.key, uploadId }, await Promise.all(all));
  } catch (error) {
    await Promise.allSettled(all);
    await abortUpload(bucket, toName(facts.key), uploadId).catch(() => undefined);
    throw error;
  }
}

/** Aborts every upload in parts under keys with this prefix; answers how many. */
export async function abortUploads(bucket: Bucket, prefix: string): Promise<number> {
  let aborted = 0;
  let marks: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
  for (;;) {
    const page = await bucket.client.send(
      new ListMultipartUploadsCommand({
        Bucket: bucket.name,
        Prefix: namePrefix(prefix),
        ...marks,
      }),
    );
    const uploads = page.Uploads ?? [];
    for (const { Key, UploadId } of uploads) {
      if (!Key || !UploadId || !fromName(Key).startsWith(prefix)) continue;
      if (await abortUpload(bucket, Key, UploadId)) aborted++;
    }
    const last = uploads.at(-1);
    if (!page.IsTruncated || !last) return aborted;
    // Some servers do not say where the page ended; its last upload does.
    marks = { KeyMarker: page.NextKeyMarker || last.Key, UploadIdMarker: last.UploadId };
  }
}

/** Whether this error of the server has one of these names. */
export function isNamed(error: unknown, ...names: string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

async function abortUpload(
  { client, name }: Bucket,
  serverKey: string,
  uploadId: string,
): Promise<boolean> {
  try {
    await client.send(
      new AbortMultipartUploadCommand({ Bucket: name, Key: serverKey, UploadId: uploadId }),
    );
    return true;
  } catch (error) {
    if (isNamed(error, "NoSuchUpload")) return false;
    throw error;
  }
}
