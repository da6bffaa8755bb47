import type { ObjectStore } from "../../../../platform/objects/index.ts";
import { contentsSuite } from "./contents.ts";
import { failuresSuite } from "./failures.ts";
import { listingsSuite } from "./listings.ts";
import { partsSuite } from "./parts.ts";
import { replacementsSuite } from "./replacements.ts";

export { digestOf, readWhole } from "./reading.ts";

/**
 * What every object store promises. `open` gives an empty store that writes more than 5 MiB in parts and
 * copies more than 6 MiB in parts, where it does such things.
 */
export function objectStoreSuite(open: () => Promise<ObjectStore>): void {
  let opened: Promise<ObjectStore> | undefined;
  const openOnce = () => (opened ??= open());
  contentsSuite(openOnce);
  replacementsSuite(openOnce);
  failuresSuite(openOnce);
  partsSuite(openOnce);
  listingsSuite(openOnce);
}
