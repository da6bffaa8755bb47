import { z } from "zod";
import { Channel, PackageId, Version } from "../packages.ts";

/** The package, the channel that the client follows, and the version that it has. */
export const UpdateQuestion = PackageId.extend({ channel: Channel, version: Version });

export const UpdateOut = z.strictObject({
  version: z.string(),
  /** The channel's link: what it shows has this `sha256` and so many `bytes`. */
  url: z.string(),
  /** The version's own address, which shows its first build for ever. */
  version_url: z.string(),
  sha256: z.string(),
  bytes: z.number().int(),
  notes: z.string().nullable(),
  published_at: z.iso.datetime().nullable(),
  /** `version` and `published_at` again, by the names that Squirrel reads. */
  name: z.string(),
  pub_date: z.iso.datetime().nullable(),
});
