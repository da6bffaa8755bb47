import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Order } from "../arguments.ts";
import { type Desk, persist } from "../desk.ts";
import { EXIT } from "../endings.ts";
import { saveAnew } from "../saving.ts";
import { type DownloadOut, filePath, hasFile, HISTORY } from "./platform.ts";

const LOOK_MS = 1000;

/** Orders a download, waits until its file is there, and brings it where one asks for that. The same `--key` again meets the same download. */
export async function get(desk: Desk, { operands, options }: Order): Promise<number> {
  const { connection, screen } = desk;
  const { quality, format, out } = options;
  const json = {
    url: operands[0],
    mode: options["archive"] ? "archive" : "quick_download",
    ...(quality !== undefined && { quality }),
    ...(format !== undefined && { format }),
  };
  // Without a name of one's own for it, an order is repeated by this command alone, after a lost connection.
  const headers = { "Idempotency-Key": String(options["key"] ?? `download-${randomUUID()}`) };
  const { history_id: id } = await persist(desk, () =>
    connection.ask<{ history_id: number }>("POST", "/api/v1/download", { json, headers }),
  );
  screen.remark(screen.words.downloading(id));
  const download = options["no-follow"] ? await look(desk, id) : await follow(desk, id);
  if (typeof out === "string" && hasFile(download)) await saveAnew(desk, filePath(id), out);
  screen.print(options["json"] ? JSON.stringify({ download }, null, 2) : String(id));
  return conclude(desk, download);
}

/** Brings the file of a download into a new file. */
export async function save(desk: Desk, { operands, options }: Order): Promise<number> {
  const [id, file] = operands as [string, string];
  await saveAnew(desk, filePath(id), file);
  if (options["json"]) desk.screen.print(JSON.stringify({ saved: file }, null, 2));
  return EXIT.done;
}

function look(desk: Desk, id: number): Promise<DownloadOut> {
  return persist(desk, () => desk.connection.ask<DownloadOut>("GET", `${HISTORY}/${id}`));
}

/** Says what goes on each time that it is something else; answers the download as it is when nothing goes on any more. */
async function follow(desk: Desk, id: number): Promise<DownloadOut> {
  for (let said = ""; ;) {
    const download = await look(desk, id);
    if (download.state !== "queued" && download.state !== "working") return download;
    const line = desk.screen.words.onTheWay(download);
    if (line !== said) desk.screen.remark(line);
    said = line;
    await sleep(LOOK_MS, undefined, { signal: desk.signal });
  }
}

function conclude({ screen: { words, remark } }: Desk, download: DownloadOut): number {
  const { state, error_message: reason, expire_at: until } = download;
  if (state === "failed") remark(words.downloadFailed(reason ?? "?"));
  if (hasFile(download)) remark(words.fileThere(download.file_name ?? "?", until));
  return state === "failed" ? EXIT.runFailed : EXIT.done;
}
