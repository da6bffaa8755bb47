import type { Order } from "../arguments.ts";
import type { Desk } from "../desk.ts";
import { showList } from "../listing.ts";
import { type DownloadOut, HISTORY } from "./platform.ts";

/** Shows what you have downloaded, newest first. */
export function listDownloads(desk: Desk, { options }: Order): Promise<number> {
  const { id, name, state, ends } = desk.screen.words.downloadColumns;
  return showList(desk, options, (pageItems) => everyDownload(desk, pageItems), {
    header: [id, state, ends, name],
    row: (one) => [
      String(one.history_id),
      one.waiting_for ? `${one.state} (${one.waiting_for})` : one.state,
      one.expire_at ?? "-",
      one.file_name ?? one.title ?? one.url,
    ],
  });
}

async function* everyDownload({ connection }: Desk, pageItems: number) {
  for (let page = 1; ; page++) {
    const path = `${HISTORY}?page=${page}&page_size=${pageItems}`;
    const { items } = await connection.ask<{ items: DownloadOut[] }>("GET", path);
    yield* items;
    if (items.length < pageItems) return;
  }
}
