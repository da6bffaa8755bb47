import type { S3Settings } from "../env.ts";
import type { ObjectStore } from "./store.ts";

export {
  MAX_PART_BYTES,
  ObjectMissing,
  ObjectReplaced,
  PartMissing,
  UploadMissing,
} from "./store.ts";
export type { ByteRange, ObjectStore, OpenedObject, Written } from "./store.ts";

/** The store that the configuration names: the S3 server when there is one, else `folder` on this machine's disk. */
export async function openObjectStore(place: {
  s3: S3Settings | undefined;
  folder: string;
}): Promise<ObjectStore> {
  // Loaded on demand: the SDK alone costs a quarter of the embedded profile's start.
  if (place.s3) return (await import("./s3.ts")).openS3Store(place.s3);
  return (await import("./disk.ts")).openDiskStore(place.folder);
}
