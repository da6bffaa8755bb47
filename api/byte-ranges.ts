import { LIMITS } from "../domain/limits.ts";
import type { ByteRange } from "../platform/objects/index.ts";

/**
 * The ranges that a Range header asks of `bytes` bytes (RFC 9110 §14.1.2, §14.2), in the order asked for; those that
 * overlap or touch are joined, ascending. Undefined when the header is to be ignored: other units, bad syntax, more
 * ranges than LIMITS.byteRanges. Empty when it can be understood and none can be served.
 */
export function parseRanges(header: string, bytes: number): ByteRange[] | undefined {
  const specs = /^bytes=(.*)$/i
    .exec(header.trim())?.[1]
    ?.split(",")
    .map((spec) => spec.trim());
  const asked = specs?.filter((spec) => spec !== "");
  if (!asked || asked.length === 0 || asked.length > LIMITS.byteRanges) return undefined;
  const ranges: ByteRange[] = [];
  for (const spec of asked) {
    const [, first = "", last = ""] = /^(\d*)-(\d*)$/.exec(spec) ?? [];
    if (first === "" && last === "") return undefined;
    if (first !== "" && last !== "" && Number(first) > Number(last)) return undefined;
    const start = first === "" ? Math.max(0, bytes - Number(last)) : Number(first);
    const end = first === "" || last === "" ? bytes - 1 : Math.min(Number(last), bytes - 1);
    if (start <= end) ranges.push({ start, end });
    // Nothing has no last bytes that a Content-Range could name: the whole, empty, is the answer.
    else if (first === "" && Number(last) > 0) return undefined;
  }
  return joined(ranges);
}

function joined(ranges: ByteRange[]): ByteRange[] {
  const merged: ByteRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const before = merged.at(-1);
    if (before && range.start <= before.end + 1) before.end = Math.max(before.end, range.end);
    else merged.push({ ...range });
  }
  return merged.length === ranges.length ? ranges : merged;
}

/** How many bytes a range has. */
export function lengthOf({ start, end }: ByteRange): number {
  return end - start + 1;
}

/** `bytes 0-99/1000`. */
export function contentRange({ start, end }: ByteRange, bytes: number): string {
  return `bytes ${start}-${end}/${bytes}`;
}
