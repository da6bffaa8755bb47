import { GetObjectCommand, S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { S3Settings } from "../env.ts";
import { toName } from "./s3-names.ts";
import type { PresignTerms } from "./store.ts";

/** Makes addresses for one object at a time; nothing is asked of the server for them. */
export function openPresigner(
  { bucket, publicUrl }: S3Settings,
  configured: S3ClientConfig,
): (key: string, terms: PresignTerms) => Promise<string> {
  // The host is part of what is signed: clients may know the server by another name than we do.
  const client = new S3Client({ ...configured, endpoint: publicUrl });
  return (key, { seconds, contentType, contentDisposition, cacheControl }) =>
    getSignedUrl(
      client,
      new GetObjectCommand({
        Bucket: bucket,
        Key: toName(key),
        ResponseContentType: contentType,
        ResponseContentDisposition: contentDisposition,
        ResponseCacheControl: cacheControl,
      }),
      { expiresIn: seconds },
    );
}
