import type { Order } from "../arguments.ts";
import { type Desk, everyItem } from "../desk.ts";
import { EXIT, UsageFault } from "../endings.ts";
import { showList } from "../listing.ts";
import { saveAnew } from "../saving.ts";
import { filtersIn } from "./orders.ts";

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

/** Shows cards, newest first; of their codes the last four characters. */
export function listCards(desk: Desk, { options }: Order): Promise<number> {
  const { card, state, machine, ends, batch } = desk.screen.words.cardColumns;
  const path = `${CARDS}?${queryOf(options)}`;
  return showList(desk, options, (pageItems) => everyItem<CardOut>(desk, path, pageItems), {
    header: [card, state, machine, ends, batch],
    row: (one) => [
      `${one.prefix}-…${one.code_tail}`,
      one.state,
      one.machine_code ?? "-",
      one.expire_at ?? "-",
      one.batch_id ?? "-",
    ],
  });
}

/** Writes whole codes out: as they come into a new file that nobody else can read, or, as text, to the results. */
export async function exportCards(desk: Desk, { options }: Order): Promise<number> {
  const { connection, screen } = desk;
  const { format = "txt", out: file } = options;
  const path = `${CARDS}/export?format=${encodeURIComponent(String(format))}&${queryOf(options)}`;
  if (typeof file !== "string") {
    if (format === "xlsx") throw new UsageFault(screen.words.outNeeded);
    screen.printLog(await connection.readText(path));
    return EXIT.done;
  }
  await saveAnew(desk, path, file);
  return EXIT.done;
}

function queryOf(options: Order["options"]): string {
  return new URLSearchParams(filtersIn(options)).toString();
}
