import { Readable } from "node:stream";
import { shanghaiClock } from "../domain/shanghai.ts";
import { type CardFilters, type CardRow, countMatching, readCards } from "../models/cards/index.ts";
import { Export } from "./route.ts";
import { CARD_COLUMNS } from "./schemas/cards/lists.ts";
import type { Services } from "./services.ts";
import { WORKBOOK_TYPE, writeWorkbook } from "./spreadsheet.ts";
import { type Cell, CSV_TYPE, writeCsv } from "./table-export.ts";

type Format = "txt" | "csv" | "xlsx";

/** The codes of the cards that match, newest first, read and opened while they are sent. */
export async function exportCards(
  format: Format,
  filters: CardFilters,
  { cardCodes }: Pick<Services, "cardCodes">,
): Promise<Export> {
  const { name, shown } = nameOf(filters, new Date());
  const open = (card: CardRow) => cardCodes.unseal(card.codeSealed, card.id);
  const batches = inPieces(readCards(filters));
  if (format === "xlsx") {
    return new Export(WORKBOOK_TYPE, `${name}.xlsx`, writeWorkbook(HEADER, tables(batches, open)));
  }
  const pieces =
    format === "csv"
      ? writeCsv(HEADER, tables(batches, open))
      : txt(await headOf(filters, shown), batches, open);
  const type = format === "csv" ? CSV_TYPE : "text/plain";
  const text = Readable.from(pieces, { objectMode: false });
  return new Export(`${type}; charset=utf-8`, `${name}.${format}`, text);
}

/** So many cards are opened and written together: what comes of more would outlive its use until all memory is cleaned. */
const PIECE = 100;

async function* inPieces(batches: AsyncIterable<CardRow[]>): AsyncGenerator<CardRow[]> {
  for await (const cards of batches) {
    for (let at = 0; at < cards.length; at += PIECE) yield cards.slice(at, at + PIECE);
  }
}

const HEADER = Object.keys(CARD_COLUMNS);
const COLUMNS = Object.values(CARD_COLUMNS);

async function* tables(
  batches: AsyncIterable<CardRow[]>,
  open: (card: CardRow) => string,
): AsyncGenerator<Cell[][]> {
  for await (const cards of batches) {
    yield cards.map((card) => {
      const code = open(card);
      return COLUMNS.map((column) => column(card, code));
    });
  }
}

async function* txt(
  head: string,
  batches: AsyncIterable<CardRow[]>,
  open: (card: CardRow) => string,
): AsyncGenerator<string> {
  yield head;
  for await (const cards of batches) yield cards.map((card) => `${open(card)}\n`).join("");
}

/** The lines before the codes, as the contract has them. */
async function headOf(filters: CardFilters, shown: string): Promise<string> {
  const isUnused = filters.state === "unused";
  return [
    isUnused ? "# 未使用卡密导出" : "# 卡密导出",
    `# 导出时间: ${shown}`,
    `# 前缀筛选: ${filters.prefix ?? "全部"}`,
    `# 总数量: ${await countMatching(filters)}`,
    "# 格式: 前缀-代码",
    `# ${"=".repeat(50)}`,
    "",
    "",
  ].join("\n");
}

/** The name of a file that is made now, and the time in Shanghai as it is shown. */
function nameOf({ state, prefix }: CardFilters, now: Date) {
  const shown = shanghaiClock(now);
  const stamp = shown.replaceAll(/[-:]/g, "").replace(" ", "_");
  const what = state === undefined ? "cards" : `${state}_cards`;
  return { name: [what, ...(prefix ? [prefix] : []), stamp].join("_"), shown };
}
