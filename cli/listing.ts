import type { Order } from "./arguments.ts";
import type { Desk } from "./desk.ts";
import { EXIT, UsageFault } from "./endings.ts";
import { table } from "./screen.ts";

const SHOWN_ITEMS = 20;
const PAGE_ITEMS = 100;

/** Shows the first items of a list that is read page by page, as many as `--limit` says: as a table, or whole as JSON; and whether there are more. */
export async function showList<T>(
  { screen: { words, print, remark } }: Desk,
  options: Order["options"],
  read: (pageItems: number) => AsyncIterable<T>,
  shown: { header: string[]; row: (item: T) => string[] },
): Promise<number> {
  const limit = options["limit"] === undefined ? SHOWN_ITEMS : Number(options["limit"]);
  if (!Number.isSafeInteger(limit) || limit < 1) throw new UsageFault(words.badLimit);
  const items: T[] = [];
  let hasMore = false;
  for await (const item of read(Math.min(limit + 1, PAGE_ITEMS))) {
    hasMore = items.length === limit;
    if (hasMore) break;
    items.push(item);
  }
  if (options["json"]) {
    print(JSON.stringify({ items, more: hasMore }, null, 2));
    return EXIT.done;
  }
  print(table([shown.header, ...items.map(shown.row)]));
  if (hasMore) remark(words.more(limit));
  return EXIT.done;
}
