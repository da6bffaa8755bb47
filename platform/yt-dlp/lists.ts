import { z } from "zod";
import { LIST_MARK } from "./options.ts";

/** What a source says is on a list. */
export interface SourceList {
  title: string | null;
  media: { url: string; title: string | null }[];
}

const Text = z.string().nullish();
const Line = z.object({
  url: Text,
  title: Text,
  /** Nothing where the address is no list, but one medium. */
  position: z.number().nullish(),
  list: Text,
});

/** Takes a line of yt-dlp's into `list`, if it names a medium. What is no list has one: what lies at `address` itself. */
export function readListed(line: string, list: SourceList, address: string): void {
  if (!line.startsWith(LIST_MARK)) return;
  const parsed = Line.safeParse(parse(line.slice(LIST_MARK.length)));
  if (!parsed.success) return;
  const { url, title, position, list: name } = parsed.data;
  const isOne = typeof position !== "number";
  list.title ??= (isOne ? title : name) ?? null;
  const link = isOne ? address : url;
  if (link) list.media.push({ url: link, title: title ?? null });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // It was cut, because it is too long to be used.
    return undefined;
  }
}
