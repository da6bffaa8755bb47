import type { OpenedObject } from "../platform/objects/index.ts";

/** An opened object on its way to a client (RFC 9110 ranges and conditions). */
export interface Delivery {
  object: OpenedObject;
  /** The strong entity tag, without quotes. */
  etag: string;
  /** The name a browser saves it under (RFC 6266, 8187). */
  fileName: string;
  cacheControl: string;
  /** Opens the object anew when the store says that it was replaced before the first byte was sent. */
  reopen?: () => Promise<Delivery>;
}
