import { parseBuffer } from "bplist-parser";

const BINARY = "bplist00";

/**
 * What stands in a property list at its top: everything of a binary one, of one in XML the texts alone, which is what
 * its few readers ask for. Empty when it is neither.
 */
export function readPlist(bytes: Buffer): Record<string, unknown> {
  try {
    if (bytes.toString("latin1", 0, BINARY.length) !== BINARY) return readXml(bytes.toString());
    const [top] = parseBuffer<Record<string, unknown>>(bytes);
    return typeof top === "object" ? top : {};
  } catch {
    return {};
  }
}

const PAIR = /<key>([^<]*)<\/key>\s*<string>([^<]*)<\/string>/g;
const ENTITIES: Record<string, string> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

/** Of a key that stands there more than once the first counts, which is the one nearer to the top. */
function readXml(text: string): Record<string, string> {
  const pairs = [...text.matchAll(PAIR)].map(([, key, value]) => [decode(key!), decode(value!)]);
  return Object.fromEntries(pairs.toReversed()) as Record<string, string>;
}

function decode(text: string): string {
  return text.replaceAll(/&(?:lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity]!);
}
