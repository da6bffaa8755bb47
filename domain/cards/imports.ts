import { CARD_STATES, type CardState } from "../cards.ts";
import { LIMITS } from "../limits.ts";
import { canonicalCode, CODE_PREFIX } from "./codes.ts";

/** What a line of an import says of its card, beside the code; moments in ISO 8601. */
export interface ImportedCard {
  prefix: string | null;
  state: CardState;
  usedAt: string | null;
  expireAt: string | null;
  machineCode: string | null;
  note: string | null;
}

/** A line with a card on it, or with a fault. Lines that are empty or begin with `#` say nothing. */
export type ImportedLine = { code: string; card: ImportedCard } | { fault: string } | undefined;

const COLUMNS = [
  "code",
  "prefix",
  "state",
  "used_at",
  "expire_at",
  "machine_code",
  "note",
] as const;
type Column = (typeof COLUMNS)[number];

/**
 * Reads lines, one after the other: a table with a header that has the column `code`, as exports are, or else one code
 * on each line.
 */
export function createImportReading(): (line: string) => ImportedLine {
  let header: (Column | undefined)[] | undefined;
  let isBegun = false;
  return (line) => {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) return undefined;
    if (text.length > LIMITS.importLineCharacters) return { fault: "The line is too long." };
    if (!isBegun) {
      isBegun = true;
      header = headerOf(text);
      if (header) return undefined;
    }
    if (!header) return cardOf(new Map([["code", text]]));
    const cells = cellsOf(text);
    if (!cells) return { fault: "A quoted cell does not end." };
    const given = new Map<Column, string>();
    for (const [place, column] of header.entries()) {
      if (column) given.set(column, (cells[place] ?? "").trim());
    }
    return cardOf(given);
  };
}

/** What may be called otherwise in a header. */
const ALIASES: Readonly<Record<string, Column>> = { machine: "machine_code", full_code: "code" };

function headerOf(text: string): (Column | undefined)[] | undefined {
  const names = cellsOf(text)?.map((cell) => cell.trim().toLowerCase()) ?? [];
  const columns = names.map((name) => ALIASES[name] ?? COLUMNS.find((column) => column === name));
  return columns.includes("code") ? columns : undefined;
}

/** The cells of a line (RFC 4180), without the mark that exports put before what looks like a formula. */
function cellsOf(text: string): string[] | undefined {
  const cells: string[] = [];
  for (let at = 0; at <= text.length;) {
    const isQuoted = text[at] === '"';
    const cell = (isQuoted ? /"((?:[^"]|"")*)"\s*(?:,|$)/y : /([^,]*)(?:,|$)/y) satisfies RegExp;
    cell.lastIndex = at;
    const found = cell.exec(text);
    if (!found) return undefined;
    cells.push(found[1]!.replaceAll('""', '"').replace(/^'(?=[=+\-@\t\r])/, ""));
    at = cell.lastIndex;
    if (text[at - 1] !== "," || found[0] === "") return cells;
  }
  return cells;
}

function cardOf(given: ReadonlyMap<Column, string>): ImportedLine {
  const cell = (column: Column) => given.get(column) || null;
  const code = cell("code") ?? "";
  const [prefix, machineCode, note] = [cell("prefix"), cell("machine_code"), cell("note")];
  const state = (cell("state") ?? "unused").toLowerCase();
  const [usedAt, expireAt] = [cell("used_at"), cell("expire_at")];
  const isMoment = (text: string | null) => text === null || ISO.test(text);
  const faults: [boolean, string][] = [
    [canonicalCode(code) === "", "There is no code."],
    [
      code.length > LIMITS.cardCodeCharacters,
      `The code has over ${LIMITS.cardCodeCharacters} characters.`,
    ],
    [
      prefix !== null && !CODE_PREFIX.test(prefix),
      "The prefix is not 1 to 16 letters, digits or underscores.",
    ],
    [!isState(state), `The state is none of ${CARD_STATES.join(", ")}.`],
    [!isMoment(usedAt), "used_at is no moment in ISO 8601 with an offset."],
    [!isMoment(expireAt), "expire_at is no moment in ISO 8601 with an offset."],
    [
      (machineCode ?? "").length > LIMITS.machineCodeCharacters,
      `The machine code has over ${LIMITS.machineCodeCharacters} characters.`,
    ],
    [
      (note ?? "").length > LIMITS.cardNoteCharacters,
      `The note has over ${LIMITS.cardNoteCharacters} characters.`,
    ],
  ];
  const fault = faults.find(([isSo]) => isSo);
  if (fault || !isState(state)) return { fault: fault![1] };
  const card = { prefix, state, usedAt, expireAt, machineCode, note };
  return { code, card: { ...card, prefix: prefix ?? prefixIn(code) } };
}

const ISO =
  /^\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

function isState(word: string): word is CardState {
  return (CARD_STATES as readonly string[]).includes(word);
}

/** What stands before the first hyphen of a code, where that can be a prefix. */
function prefixIn(code: string): string | null {
  const [before = "", ...after] = code.split("-");
  return after.length > 0 && CODE_PREFIX.test(before) ? before : null;
}
