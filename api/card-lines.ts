import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { codeTail } from "../domain/cards/codes.ts";
import { createImportReading } from "../domain/cards/imports.ts";
import { refusal } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { StoredLine } from "../models/cards/index.ts";
import type { CardCodes } from "../platform/card-codes.ts";
import { newId } from "../platform/crypto.ts";

/** What was found out about a file of cards while it was read. */
export interface SealedLines {
  /** The lines as they are stored, one JSON value each: no code of them is in clear. */
  stored: Readable;
  /** So many lines say something; known when all of them have been read. */
  count: () => number;
  /** Of what was read, in lower-case hex. */
  sha256: () => string;
}

/** Seals the codes of a file while it arrives. Refuses more lines than one import may have. */
export function sealLines(file: Readable, cardCodes: CardCodes): SealedLines {
  const content = createHash("sha256");
  let count = 0;

  async function* seal(): AsyncGenerator<string> {
    const read = createImportReading();
    const seen = new Map<string, number>();
    let line = 0;
    for await (const text of linesOf(file, content)) {
      line++;
      const found = read(text);
      if (!found) continue;
      if (++count > LIMITS.importLines) {
        const most = LIMITS.importLines.toLocaleString("en-US");
        throw refusal("cards/import-too-long", `One import takes ${most} lines: send several.`);
      }
      yield `${JSON.stringify(storedOf(line, found, seen))}\n`;
    }
  }

  function storedOf(
    line: number,
    found: NonNullable<ReturnType<ReturnType<typeof createImportReading>>>,
    seen: Map<string, number>,
  ): StoredLine {
    if ("fault" in found) return { line, fault: found.fault, isTwin: false };
    const { code, card } = found;
    const hashes = cardCodes.hashes(code);
    const before = seen.get(hashes[0]!);
    if (before !== undefined) {
      return { line, fault: `Its code stands in line ${before} already.`, isTwin: true };
    }
    seen.set(hashes[0]!, line);
    const id = newId();
    return { line, id, hashes, tail: codeTail(code), sealed: cardCodes.seal(code, id), card };
  }

  return {
    stored: Readable.from(seal(), { objectMode: false }),
    count: () => count,
    sha256: () => content.digest("hex"),
  };
}

const MOST_CHARACTERS = 2 * LIMITS.importLineCharacters;

/** The lines of a text in UTF-8, whatever they end in; what is longer than any line may be comes cut. */
async function* linesOf(
  file: Readable,
  content: { update(chunk: Buffer): unknown },
): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  let isFirst = true;
  for await (const chunk of file as AsyncIterable<Buffer>) {
    content.update(chunk);
    const lines = (rest + decoder.write(chunk)).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    // Of a line without an end its beginning is enough to refuse it.
    if (rest.length > MOST_CHARACTERS) rest = rest.slice(0, MOST_CHARACTERS);
    for (const line of lines) {
      yield isFirst ? line.replace(/^\uFEFF/, "") : line;
      isFirst = false;
    }
  }
  rest += decoder.end();
  if (rest !== "") yield isFirst ? rest.replace(/^\uFEFF/, "") : rest;
}
