import { Readable } from "node:stream";
import { Export } from "./route.ts";

/** How a whole list may be asked for. */
export const EXPORT_FORMATS = ["json", "csv"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What a table may hold. */
export type Cell = string | number | null;

/** A list to be written out: its items in batches, each read when it is wanted. */
export interface WholeList<T> {
  /** The name of the file, without its ending. */
  name: string;
  batches: AsyncIterable<T[]>;
  /** The columns of its table from left to right; null is an empty cell. */
  columns: Readonly<Record<string, (item: T) => Cell>>;
}

/**
 * A whole list as a file. JSON is `{"items": […], "next": null}`, as if it were one page; CSV is a table (RFC 4180, in
 * UTF-8, with a header) whose cells no spreadsheet takes for a formula: what begins like one gets a `'` before it.
 */
export function exportList<T>(format: ExportFormat, list: WholeList<T>): Export {
  const pieces = format === "csv" ? writeCsv(Object.keys(list.columns), rowsOf(list)) : json(list);
  const type = format === "csv" ? CSV_TYPE : "application/json";
  const text = Readable.from(pieces, { objectMode: false });
  return new Export(`${type}; charset=utf-8`, `${list.name}.${format}`, text);
}

/** The media type of a table as text. */
export const CSV_TYPE = "text/csv; header=present";

/** A table as text (RFC 4180), its rows written as they come. */
export async function* writeCsv(
  header: string[],
  batches: AsyncIterable<Cell[][]>,
): AsyncGenerator<string> {
  yield lineOf(header);
  for await (const rows of batches) yield rows.map(lineOf).join("");
}

/** What a spreadsheet takes for a formula, in any width of its letters. */
export const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

function lineOf(cells: readonly Cell[]): string {
  return `${cells.map(textOf).join(",")}\r\n`;
}

function textOf(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return `${cell}`;
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return `"${text.includes('"') ? text.replaceAll('"', '""') : text}"`;
}

async function* rowsOf<T>({ batches, columns }: WholeList<T>): AsyncGenerator<Cell[][]> {
  const cells = Object.values(columns);
  for await (const batch of batches) yield batch.map((item) => cells.map((cell) => cell(item)));
}

async function* json<T>({ batches }: WholeList<T>): AsyncGenerator<string> {
  let before = '{"items":[';
  for await (const batch of batches) {
    if (batch.length === 0) continue;
    yield before + batch.map((item) => JSON.stringify(item)).join(",\n");
    before = ",\n";
  }
  yield `${before.startsWith("{") ? before : ""}],"next":null}`;
}
