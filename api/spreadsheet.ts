import { Readable } from "node:stream";
import yazl from "yazl";
import { type Cell, FORMULA } from "./table-export.ts";

/** What a sheet of Excel, LibreOffice and WPS holds, its header included. */
const SHEET_ROWS = 1_048_576;
/** Written often and read once: speed counts, and rows of a table are alike enough for any level. */
const COMPRESSION = { compressionLevel: 1 };

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/** The media type of a workbook. */
export const WORKBOOK_TYPE = `${TYPE}.sheet`;

/**
 * A table as a workbook (ECMA-376), made while it is sent: when a sheet is full, the next one begins. Text stays text:
 * what begins like a formula carries the mark by which spreadsheets leave it alone, whoever edits it.
 */
export function writeWorkbook(
  header: string[],
  batches: AsyncIterable<Cell[][]>,
  sheetRows = SHEET_ROWS,
): Readable {
  const zip = new yazl.ZipFile();
  const output = zip.outputStream as Readable;
  const sheets = sheetsOf(header, batches, sheetRows);

  const addSheet = (number: number) => {
    zip.addReadStreamLazy(`xl/worksheets/sheet${number}.xml`, COMPRESSION, (ready) => {
      const sheet = Readable.from(sheets.next(), { objectMode: false });
      sheet.once("end", () => (sheets.isOver() ? finish(number) : addSheet(number + 1)));
      sheet.once("error", (error) => output.destroy(error));
      ready(null, sheet);
    });
  };
  const finish = (count: number) => {
    for (const [name, text] of Object.entries(frameOf(count))) {
      zip.addBuffer(Buffer.from(HEAD + text), name, COMPRESSION);
    }
    zip.end();
  };
  output.once("close", () => void sheets.close());
  addSheet(1);
  return output;
}

/** The rows of a table, cut into sheets. */
function sheetsOf(header: string[], batches: AsyncIterable<Cell[][]>, sheetRows: number) {
  const source = batches[Symbol.asyncIterator]();
  let left: Cell[][] = [];
  let isRead = false;

  const fill = async () => {
    while (left.length === 0 && !isRead) {
      const batch = await source.next();
      isRead = batch.done === true;
      if (!batch.done) left = batch.value;
    }
  };
  async function* next(): AsyncGenerator<string> {
    yield `${HEAD}<worksheet xmlns="${MAIN}"><sheetData>${rowOf(header)}`;
    await fill();
    for (let room = sheetRows - 1; room > 0 && left.length > 0; await fill()) {
      const rows = left.splice(0, room);
      room -= rows.length;
      yield rows.map(rowOf).join("");
    }
    yield "</sheetData></worksheet>";
  }
  return { next, isOver: () => isRead && left.length === 0, close: () => source.return?.() };
}

function rowOf(cells: Cell[]): string {
  return `<row>${cells.map(cellOf).join("")}</row>`;
}

function cellOf(cell: Cell): string {
  if (cell === null) return "<c/>";
  if (typeof cell === "number") return `<c><v>${cell}</v></c>`;
  const style = FORMULA.test(cell) ? ' s="1"' : "";
  return `<c t="inlineStr"${style}><is><t xml:space="preserve">${escape(cell)}</t></is></c>`;
}

// oxlint-disable-next-line no-control-regex -- what XML cannot hold at all
const UNSPEAKABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;
const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function escape(text: string): string {
  return text.replace(UNSPEAKABLE, "\ufffd").replace(/[&<>]/g, (one) => ENTITIES[one]!);
}

/** The parts of a workbook beside its sheets, by their names. */
function frameOf(sheets: number): Record<string, string> {
  const numbers = Array.from({ length: sheets }, (_, index) => index + 1);
  const each = (one: (number: number) => string) => numbers.map(one).join("");
  const override = (part: string, type: string) =>
    `<Override PartName="/${part}" ContentType="${TYPE}.${type}+xml"/>`;
  const relation = (id: string, type: string, target: string) =>
    `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"/>`;
  const relations = (text: string) =>
    `<Relationships xmlns="${PACKAGE}/relationships">${text}</Relationships>`;
  return {
    "[Content_Types].xml":
      `<Types xmlns="${PACKAGE}/content-types">` +
      '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>' +
      override("xl/workbook.xml", "sheet.main") +
      override("xl/styles.xml", "styles") +
      each((number) => override(`xl/worksheets/sheet${number}.xml`, "worksheet")) +
      "</Types>",
    "_rels/.rels": relations(relation("rId1", "officeDocument", "xl/workbook.xml")),
    "xl/workbook.xml":
      `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets>` +
      each((number) => `<sheet name="Sheet${number}" sheetId="${number}" r:id="rId${number}"/>`) +
      "</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": relations(
      each((number) => relation(`rId${number}`, "worksheet", `worksheets/sheet${number}.xml`)) +
        relation("styles", "styles", "styles.xml"),
    ),
    "xl/styles.xml": STYLES,
  };
}

/** Style 1 is `quotePrefix`: the cell is text, whatever it begins with. */
const STYLES =
  `<styleSheet xmlns="${MAIN}"><fonts count="1"><font/></fonts>` +
  '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>' +
  '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>' +
  '<cellXfs count="2"><xf xfId="0"/><xf xfId="0" quotePrefix="1"/></cellXfs>' +
  '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>';
