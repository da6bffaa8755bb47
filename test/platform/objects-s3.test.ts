import { randomBytes } from "node:crypto";
import { expect, inject } from "vitest";
import { openS3Store } from "../../platform/objects/s3.ts";
import { objectStoreSuite } from "../support/suites/object-store.ts";

const MiB = 1024 * 1024;

objectStoreSuite("objects on an S3 server", async () => {
  const server = inject("s3");
  expect(server, "an S3 server for the tests").toBeDefined();
  // Sizes at which a few bytes take the ways of many gigabytes. The run drops the bucket by its name.
  return openS3Store(
    { ...server!, bucket: `${server!.bucket}-${randomBytes(3).toString("hex")}` },
    { partBytes: 5 * MiB, singleCopyLimitBytes: 6 * MiB },
  );
});
