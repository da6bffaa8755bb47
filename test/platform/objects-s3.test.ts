import { randomBytes } from "node:crypto";
import { describe, inject } from "vitest";
import { openS3Store } from "../../platform/objects/s3.ts";
import { objectStoreSuite } from "../support/suites/object-store/index.ts";

const MiB = 1024 * 1024;

describe("objects on an S3 server", () => {
  objectStoreSuite(async () => {
    const server = inject("s3");
    if (!server) throw new Error("this test needs an S3 server");
    // Sizes at which a few bytes take the ways of many gigabytes. The run drops the bucket by its name.
    return openS3Store(
      {
        ...server,
        publicUrl: server.endpoint,
        bucket: `${server.bucket}-${randomBytes(3).toString("hex")}`,
      },
      { partBytes: 5 * MiB, singleCopyLimitBytes: 6 * MiB },
    );
  });
});
