import { join } from "node:path";
import type { FirstSignIn } from "../platform/supervised.ts";
import { BadConfiguration } from "../platform/env.ts";
import { BuildFailed } from "./build.ts";
import type { ChildEnd } from "./child.ts";
import { PartMisconfigured } from "./keeper.ts";
import { PortsInUse } from "./ports.ts";
import type { OnProgress } from "./progress.ts";
import { FolderInUse, type Witness } from "./supervise.ts";
import type { Words } from "./words.ts";
import { NoTemporal } from "./temporal-server.ts";

/** Where the screen is. */
export interface Terminal {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
  write: (text: string) => unknown;
}

/** One row of the start screen: what it is, its value, a remark. */
export type Row = readonly [label: keyof Words["labels"], value: string, remark?: string];

/** What a person sees of `npm start`. */
export interface Screen extends Witness {
  onProgress: OnProgress;
  /** A sign-in that must be shown once: on the start screen, or when the start comes to nothing. */
  owe: (signIn: FirstSignIn | undefined) => void;
  /** The start screen. */
  showUp: (screen: { version: string; rows: readonly Row[]; warnings: readonly string[] }) => void;
}

const REPEATED_WITHIN_MS = 60_000;
const PROGRESS_EVERY_SECONDS = 10;

/** Opens the screen. Of equal warnings of one part the first in a minute is shown. */
export function openScreen(terminal: Terminal, words: Words, dataFolder: string): Screen {
  const { say, flash } = openPaper(terminal);
  const isNews = createNews();
  const isDue = createClock();
  let owed: FirstSignIn | undefined;

  function payOff(): Row[] {
    if (!owed) return [];
    const { username, password } = owed;
    owed = undefined;
    const shown: Row = password
      ? ["password", password, words.shownOnce]
      : ["password", words.givenPassword];
    return [["user", username], shown];
  }

  function sayLast(text: string): void {
    say([...table(payOff(), words), text].join("\n"));
  }

  return {
    onProgress({ step, seconds, stand }) {
      const text = `${words.steps[step]}: ${words.seconds(seconds)}${stand ? ` (${stand})` : ""}`;
      flash(text, isDue(step, seconds));
    },
    onBack: (part) => say(words.back(part)),
    onStopping: () => sayLast(words.stopping),
    onForcing: () => say(words.forcing),
    onFault: (error) => sayLast(explain(error, words)),
    onEnd(part, end, pauseMs) {
      const log = join(dataFolder, "logs", `${part}.log`);
      say(words.ended(part, howOf(end), `${pauseMs / 1000}`, log));
    },
    onWarning(part, text) {
      if (isNews(`${part}: ${text}`)) say(`${part}: ${text}`);
    },
    owe: (signIn) => (owed = signIn),
    showUp({ version, rows, warnings }) {
      const parts = [
        [words.up(version)],
        table([...rows, ...payOff()], words),
        warnings.map((warning) => `  ! ${warning}`),
        [words.next, words.stopHint],
      ];
      const shown = parts.filter((part) => part.length > 0).map((part) => part.join("\n"));
      say(`\n${shown.join("\n\n")}\n`);
    },
  };
}

interface Paper {
  say: (text: string) => void;
  flash: (text: string, nowAndThen: boolean) => void;
}

/** Lines that stay, and on a terminal lines that the next one replaces; elsewhere those appear when `now and then`. */
function openPaper(terminal: Terminal): Paper {
  let fleeting = false;
  const say = (text: string) => {
    terminal.write(`${fleeting ? CLEAR : ""}${text}\n`);
    fleeting = false;
  };
  return {
    say,
    flash(text: string, nowAndThen: boolean) {
      if (terminal.isTTY) {
        terminal.write(`${CLEAR}${text.slice(0, (terminal.columns || 80) - 1)}`);
        fleeting = true;
      } else if (nowAndThen) say(text);
    },
  };
}

const CLEAR = "\r\u001B[K";

/** Answers whether a step is to be told of: when it begins, and then after every ten seconds, however they are counted. */
function createClock(): (step: string, seconds: number) => boolean {
  const told = new Map<string, number>();
  return (step, seconds) => {
    const last = told.get(step) ?? -Infinity;
    if (seconds >= last && seconds - last < PROGRESS_EVERY_SECONDS) return false;
    told.set(step, seconds);
    return true;
  };
}

/** Answers whether a text was not heard in the last minute. */
function createNews(): (text: string) => boolean {
  const heard = new Map<string, number>();
  return (text) => {
    const last = heard.get(text) ?? -Infinity;
    if (Date.now() - last < REPEATED_WITHIN_MS) return false;
    if (heard.size > 200) heard.clear();
    heard.set(text, Date.now());
    return true;
  };
}

function table(rows: readonly Row[], words: Words): string[] {
  const width = Math.max(...rows.map(([label]) => widthOf(words.labels[label])));
  return rows.map(([label, value, remark]) => {
    const name = words.labels[label];
    const gap = " ".repeat(width - widthOf(name) + 2);
    return `  ${name}${gap}${value}${remark ? `  (${remark})` : ""}`;
  });
}

/** Chinese characters take two columns. */
function widthOf(text: string): number {
  return text.length + (text.match(/[\u2E80-\uFFFF]/g)?.length ?? 0);
}

/** The code or signal, and the line of its log that tells why. */
function howOf({ code, signal, lastLines }: ChildEnd): string {
  const fault = lastLines.findLast((line) => /error|cannot|failed/i.test(line));
  const reason = fault ?? (signal ? undefined : lastLines.at(-1));
  const how = signal ?? `${code}`;
  return reason ? `${how}: ${reason.slice(0, 200)}` : how;
}

/** Why the platform cannot go on, in the words of the person at the screen. */
export function explain(error: unknown, words: Words): string {
  if (error instanceof PortsInUse) {
    const ports = error.wanted.map(
      ({ port, variable, free }) => `  - ${words.portInUse(port, variable, free)}`,
    );
    return [words.portsInUse, ...ports].join("\n");
  }
  if (error instanceof FolderInUse) return words.folderInUse(error.folder, error.heldBy);
  if (error instanceof BuildFailed) return `${words.buildFailed}\n${error.message}`;
  if (error instanceof BadConfiguration) {
    const faults = error.faults.map((fault) => `  - ${fault}`);
    return [words.badConfiguration, ...faults].join("\n");
  }
  if (error instanceof NoTemporal) {
    return [words.noTemporal, ...error.tried, words.easiestTemporal].join("\n");
  }
  if (error instanceof PartMisconfigured) return error.message;
  return `${words.fault} ${error instanceof Error ? error.message : String(error)}`;
}
