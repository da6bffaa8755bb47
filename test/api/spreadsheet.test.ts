import { expect, test } from "vitest";
import { buffer } from "node:stream/consumers";
import { fromBufferPromise } from "yauzl";
import { writeWorkbook } from "../../api/spreadsheet.ts";
import type { Cell } from "../../api/table-export.ts";

async function* batchesOf(...batches: Cell[][][]) {
  yield* batches;
}

/** The parts of a workbook, as text by their names. */
async function partsOf(workbook: Buffer): Promise<Record<string, string>> {
  const zip = await fromBufferPromise(workbook, { lazyEntries: true });
  const parts: Record<string, string> = {};
  for await (const entry of zip.eachEntry()) {
    const stream = await zip.openReadStreamPromise(entry);
    parts[entry.fileName] = (await buffer(stream)).toString("utf8");
  }
  return parts;
}

const rowsOf = (sheet = "") => sheet.match(/<row>.*?<\/row>/gs) ?? [];

test("text, numbers and gaps arrive, and what begins like a formula is marked as text", async () => {
  const rows: Cell[][] = [
    ["=1+1", 5, null],
    ["a < b & c\u0001", -2.5, " keeps spaces "],
    ["-", 0, "@SUM(A1)"],
  ];

  const parts = await partsOf(await buffer(writeWorkbook(["code", "n", "note"], batchesOf(rows))));

  expect(Object.keys(parts).sort()).toEqual([
    "[Content_Types].xml",
    "_rels/.rels",
    "xl/_rels/workbook.xml.rels",
    "xl/styles.xml",
    "xl/workbook.xml",
    "xl/worksheets/sheet1.xml",
  ]);
  const text = (said: string, style = "") =>
    `<c t="inlineStr"${style}><is><t xml:space="preserve">${said}</t></is></c>`;
  expect(rowsOf(parts["xl/worksheets/sheet1.xml"])).toEqual([
    `<row>${text("code")}${text("n")}${text("note")}</row>`,
    `<row>${text("=1+1", ' s="1"')}<c><v>5</v></c><c/></row>`,
    `<row>${text("a &lt; b &amp; c\ufffd")}<c><v>-2.5</v></c>${text(" keeps spaces ")}</row>`,
    `<row>${text("-", ' s="1"')}<c><v>0</v></c>${text("@SUM(A1)", ' s="1"')}</row>`,
  ]);
  expect(parts["xl/styles.xml"]).toContain('<xf xfId="0" quotePrefix="1"/>');
});

test("what does not fit on a sheet goes on on the next one, under the same header", async () => {
  const rows = (from: number, to: number): Cell[][] =>
    Array.from({ length: to - from }, (_, index) => [from + index]);

  const full = await partsOf(
    await buffer(writeWorkbook(["n"], batchesOf(rows(0, 3), [], rows(3, 9)), 4)),
  );
  const empty = await partsOf(await buffer(writeWorkbook(["n"], batchesOf(), 4)));

  const sheets = [1, 2, 3, 4].map((number) => rowsOf(full[`xl/worksheets/sheet${number}.xml`]));
  expect(sheets.map((sheet) => sheet.length)).toEqual([4, 4, 4, 0]);
  expect(
    sheets
      .flat()
      .join("")
      .match(/(?<=<v>)\d/g),
  ).toEqual("012345678".split(""));
  expect(full["xl/workbook.xml"]?.match(/<sheet /g)).toHaveLength(3);
  expect(rowsOf(empty["xl/worksheets/sheet1.xml"])).toHaveLength(1);
});

test("what cannot be read on fails the file, and what nobody wants any more is let go", async () => {
  let isLetGo = false;
  async function* broken(): AsyncGenerator<Cell[][]> {
    yield [[1]];
    throw new Error("the database is away");
  }
  async function* endless(): AsyncGenerator<Cell[][]> {
    try {
      for (;;) yield Array.from({ length: 1000 }, () => ["x".repeat(1000)]);
    } finally {
      isLetGo = true;
    }
  }

  await expect(buffer(writeWorkbook(["n"], broken()))).rejects.toThrow("the database is away");
  let bytes = 0;
  for await (const piece of writeWorkbook(["n"], endless())) {
    bytes += (piece as Buffer).length;
    if (bytes > 100_000) break;
  }
  await expect.poll(() => isLetGo).toBe(true);
});
