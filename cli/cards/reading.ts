import { createWriteStream, type WriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { CARD_FILTERS, type Order } from "../arguments.ts";
import { type Desk, everyItem } from "../desk.ts";
import { EXIT, UsageFault } from "../endings.ts";
import { table } from "../screen.ts";

/** What of a card this command shows; the rest is handed on as it came. */
interface CardOut {
  prefix: string;
  code_tail: string;
  state: string;
  batch_id: string | null;
  machine_code: string | null;
  expire_at: string | null;
}

const CARDS = "/api/v1/cards";
const SHOWN_CARDS = 20;
const PAGE_CARDS = 100;

/** Shows cards, newest first; of their codes the last four characters. */
export async function listCards(desk: Desk, { options }: Order): Promise<number> {
  const { words, print, remark } = desk.screen;
  const limit = options["limit"] === undefined ? SHOWN_CARDS : Number(options["limit"]);
  if (!Number.isSafeInteger(limit) || limit < 1) throw new UsageFault(words.badLimit);
  const items: CardOut[] = [];
  let hasMore = false;
  const path = `${CARDS}?${filters(options)}`;
  for await (const item of everyItem<CardOut>(desk, path, Math.min(limit + 1, PAGE_CARDS))) {
    hasMore = items.length === limit;
    if (hasMore) break;
    items.push(item);
  }
  if (options["json"]) {
    print(JSON.stringify({ items, more: hasMore }, null, 2));
    return EXIT.done;
  }
  const { card, state, machine, ends, batch } = words.cardColumns;
  const rows = items.map((item) => [
    `${item.prefix}-…${item.code_tail}`,
    item.state,
    item.machine_code ?? "-",
    item.expire_at ?? "-",
    item.batch_id ?? "-",
  ]);
  print(table([[card, state, machine, ends, batch], ...rows]));
  if (hasMore) remark(words.more(limit));
  return EXIT.done;
}

/** Writes whole codes out: as they come into a new file that nobody else can read, or, as text, to the results. */
export async function exportCards(desk: Desk, { options }: Order): Promise<number> {
  const { connection, screen } = desk;
  const { format = "txt", out: file } = options;
  const path = `${CARDS}/export?format=${encodeURIComponent(String(format))}&${filters(options)}`;
  if (typeof file !== "string") {
    if (format === "xlsx") throw new UsageFault(screen.words.outNeeded);
    screen.printLog(await connection.readText(path));
    return EXIT.done;
  }
  const sink = await openNew(file, screen.words.outFault);
  try {
    await connection.save(path, sink);
  } catch (error) {
    sink.destroy();
    await rm(file, { force: true });
    throw error;
  }
  screen.remark(screen.words.saved(file));
  return EXIT.done;
}

/** Never over another file: the codes in it may be all that is left of them. */
function openNew(file: string, fault: (file: string, reason: string) => string) {
  return new Promise<WriteStream>((resolve, reject) => {
    const sink = createWriteStream(file, { flags: "wx", mode: 0o600 });
    sink.once("open", () => resolve(sink));
    sink.once("error", (error) => reject(new UsageFault(fault(file, error.message))));
  });
}

function filters(options: Order["options"]): string {
  const picked = Object.keys(CARD_FILTERS).flatMap((name): [string, string][] => {
    const value = options[name];
    return typeof value === "string" ? [[name === "batch" ? "batch_id" : name, value]] : [];
  });
  return new URLSearchParams(picked).toString();
}
