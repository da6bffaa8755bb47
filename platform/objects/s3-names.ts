import { assertKey } from "./keys.ts";

// Keys stand on the server as they are, but for what some servers change or refuse: empty, `.` and `..` segments,
// backslashes, control and non-characters. `%00`, free because no key has NUL, stands for an empty segment.
const EMPTY = "%00";
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const UNSAFE = /[%\\\u0001-\u001f\u007f\ufffe\uffff]/g;

/** The name of a key on the server. Refuses what cannot be a key. */
export function toName(key: string): string {
  assertKey(key);
  return key.split("/").map(escapeSegment).join("/");
}

/** The key that has this name, or the path of a folder that does. */
export function fromName(name: string): string {
  return decodeURIComponent(name.replaceAll(EMPTY, ""));
}

/** The longest beginning, up to a slash, that all names share whose key begins with `prefix`. */
export function namePrefix(prefix: string): string {
  const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  return folder && `${folder.slice(0, -1).split("/").map(escapeSegment).join("/")}/`;
}

/** Metadata as the ASCII that headers carry; some servers lose an empty value, so it is written `%`. */
export function toHeaders(metadata: Record<string, string>): Record<string, string> {
  return mapValues(metadata, (value) => encodeURIComponent(value) || "%");
}

/** The metadata that `toHeaders` wrote. */
export function fromHeaders(headers: Record<string, string> = {}): Record<string, string> {
  return mapValues(headers, (value) => (value === "%" ? "" : decodeURIComponent(value)));
}

function escapeSegment(segment: string): string {
  if (segment === "") return EMPTY;
  if (segment === "." || segment === "..") return segment.replaceAll(".", "%2E");
  return segment.replace(UNSAFE, encodeURIComponent);
}

function mapValues(
  record: Record<string, string>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
