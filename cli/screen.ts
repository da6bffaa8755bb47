import type { Words } from "./words.ts";

/** Where something is written to. */
export interface Output {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
  write: (text: string) => unknown;
}

/** What a person or a script gets to see: results on one output, everything on the way there on the other. */
export interface Screen {
  readonly words: Words;
  /** A result, with a line end. */
  print: (text: string) => void;
  /** A piece of a log, as it is: to the results, or beside them when those are JSON. */
  printLog: (text: string) => void;
  /** A remark, with a line end. */
  remark: (text: string) => void;
  /** Shows how far something is: a bar on a terminal, else one line when it begins. */
  progress: (label: string, bytes: number) => Progress;
}

/** Something of a known size on its way. */
export interface Progress {
  at: (bytes: number) => void;
  end: () => void;
  /** Leaves it where it is: it will not come to its end. */
  stop: () => void;
}

const REDRAW_MS = 100;
const BAR_CELLS = 24;

/** Opens the screen; with `isJson` nothing but one JSON document goes to `results`. */
export function openScreen(
  outputs: { results: Output; remarks: Output },
  words: Words,
  isJson: boolean,
): Screen {
  const { results, remarks } = outputs;
  const logs = isJson ? remarks : results;
  return {
    words,
    print: (text) => void results.write(`${clean(text)}\n`),
    // On a terminal a tool's output must not move the cursor or rename the window; a file gets every byte.
    printLog: (text) => void logs.write(logs.isTTY ? clean(text) : text),
    remark: (text) => void remarks.write(`${clean(text)}\n`),
    progress: (label, bytes) =>
      remarks.isTTY ? drawBar(remarks, label, bytes) : sayOnce(remarks, label, bytes),
  };
}

/** `columns` side by side, each as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => widthOf(row[column] ?? ""))),
  );
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - widthOf(cell))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

/** `12.3 MiB`. */
function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${(bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

function sayOnce(output: Output, label: string, bytes: number): Progress {
  output.write(`${clean(label)} (${sizeText(bytes)})\n`);
  return { at: () => undefined, end: () => undefined, stop: () => undefined };
}

function drawBar(output: Output, label: string, bytes: number): Progress {
  const started = Date.now();
  let drawn = 0;
  const draw = (done: number) => {
    const share = bytes === 0 ? 1 : Math.min(done / bytes, 1);
    const cells = Math.round(share * BAR_CELLS);
    const bar = "█".repeat(cells) + "░".repeat(BAR_CELLS - cells);
    const perSecond = (done / Math.max(Date.now() - started, 1)) * 1000;
    const numbers = `${Math.floor(share * 100)}%  ${sizeText(done)}  ${sizeText(perSecond)}/s`;
    output.write(`\r${cut(`${bar} ${numbers}  ${clean(label)}`, output.columns || 80)}\u001b[K`);
  };
  draw(0);
  return {
    at(done) {
      if (Date.now() - drawn < REDRAW_MS) return;
      drawn = Date.now();
      draw(done);
    },
    end() {
      draw(bytes);
      output.write("\n");
    },
    stop: () => void output.write("\n"),
  };
}

/** As much of a text as fits into so many cells of a terminal, one left free. */
function cut(text: string, cells: number): string {
  let width = 0;
  let fitting = "";
  for (const character of text) {
    width += widthOf(character);
    if (width >= cells) return fitting;
    fitting += character;
  }
  return fitting;
}

// Wide in terminals: Hangul, CJK, kana, full-width forms, emoji (Unicode East Asian Width W and F).
const WIDE =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/gu;
const COMBINING = /\p{Mark}|\u200D/gu;

function widthOf(text: string): number {
  const characters = Array.from(text.replaceAll(COMBINING, "")).length;
  return characters + (text.match(WIDE)?.length ?? 0);
}

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;

function clean(text: string): string {
  return text.replaceAll(CONTROL, "\uFFFD");
}
