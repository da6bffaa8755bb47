import type { RequestListener, ServerResponse } from "node:http";
import { PassThrough, type Writable } from "node:stream";
import driver from "@appthreat/sqlite3";
import { createConnection } from "mysql2";
import yazl from "yazl";
import { cardKeys, openCardCodes } from "../../platform/card-codes.ts";

/** The columns of the product's own table, from left to right, but for the code. */
const COLUMNS = "state,machine_code,used_at,expire_at,note,batch_id,created_at,id";
const HEADER = ["code", "status", ...COLUMNS.split(",")];
/** As many rows go out together as the product reads at once. */
const TOGETHER = 1_000;

type Row = Record<string, string | null>;

/**
 * Sends the cards of a state, newest first, as the format at the end of the path says: rows as the driver's stream has
 * them, opened with the product's cipher, and put together by hand.
 */
export function sendCards(place = "", secretKey = "", state = ""): RequestListener {
  const codes = openCardCodes(cardKeys(secretKey, []));
  const statement = `SELECT code_sealed,${COLUMNS} FROM cards WHERE state = '${state}' AND deleted_at IS NULL ORDER BY id DESC`;
  const read = place.startsWith("mysql:") ? mariadbRows(place) : sqliteRows(place);
  return ({ url = "" }, response) => {
    const write = FORMATS[url.slice(1)]!(response);
    let pieces: Row[] = [];
    const flush = () => {
      write.rows(pieces);
      pieces = [];
    };
    read(
      statement,
      (row) => {
        row["code"] = codes.unseal(row["code_sealed"]!, row["id"]!);
        pieces.push(row);
        if (pieces.length === TOGETHER) flush();
      },
      () => {
        flush();
        write.end();
      },
    );
  };
}

interface Writing {
  rows(rows: Row[]): void;
  end(): void;
}

const FORMATS: Record<string, (response: ServerResponse) => Writing> = {
  txt: (response) => writing(response, (row) => `${row["code"]}\n`),
  csv(response) {
    response.write(`${HEADER.join(",")}\r\n`);
    return writing(response, (row) => `${cellsOf(row).map(quoted).join(",")}\r\n`);
  },
  xlsx(response) {
    const zip = new yazl.ZipFile();
    const sheet = new PassThrough();
    zip.addReadStream(sheet, "xl/worksheets/sheet1.xml", { compressionLevel: 1 });
    zip.end();
    zip.outputStream.pipe(response);
    return writing(sheet, (row) => `<row>${cellsOf(row).map(tagged).join("")}</row>`);
  },
};

function writing(to: Writable, format: (row: Row) => string): Writing {
  return {
    rows: (rows) => void to.write(rows.map(format).join("")),
    end: () => void to.end(),
  };
}

function cellsOf(row: Row): (string | null)[] {
  const moment = (text: string | null | undefined) =>
    text ? `${text.slice(0, 10)}T${text.slice(11, 23)}Z` : null;
  const status = row["state"] === "unused" ? "UNUSED" : "ACTIVE";
  const times = [moment(row["used_at"]), moment(row["expire_at"])];
  const rest = [row["note"]!, row["batch_id"]!, moment(row["created_at"]), row["id"]!];
  return [row["code"]!, status, row["state"]!, row["machine_code"]!, ...times, ...rest];
}

const quoted = (cell: string | null) => (cell === null ? "" : `"${cell.replaceAll('"', '""')}"`);
const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const tagged = (cell: string | null) =>
  cell === null
    ? "<c/>"
    : `<c t="inlineStr"><is><t>${cell.replace(/[&<>]/g, (one) => ENTITIES[one]!)}</t></is></c>`;

type Read = (statement: string, each: (row: Row) => void, done: () => void) => void;

function mariadbRows(uri: string): Read {
  const connection = createConnection({ uri, dateStrings: true });
  return (statement, each, done) => {
    connection.query(statement).stream().on("data", each).on("end", done);
  };
}

/** What is used of the driver. */
interface Driver {
  each(statement: string, each: (error: Error | null, row: Row) => void, done: () => void): void;
}

function sqliteRows(file: string): Read {
  const { Database } = driver as unknown as { Database: new (file: string) => Driver };
  const connection = new Database(file);
  return (statement, each, done) => connection.each(statement, (_, row) => each(row), done);
}
