import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { recordProcess, signalGroup } from "../platform/process-table.ts";
import { openPartLog } from "./part-log.ts";
import { putBehind } from "./priority.ts";
import type { Inherited } from "../platform/programs.ts";

/** One process of the platform: what to run, and how to know that it serves. */
export interface Part {
  name: string;
  command: readonly [string, ...string[]];
  env: Inherited;
  /** "says so" in a message over its IPC channel, or a question that is asked until the answer is true. */
  ready: "says so" | (() => Promise<boolean>);
  /** When all parts end, those with a lower turn end first. */
  turn: number;
  /** How long it has from SIGTERM to its end. */
  graceMs: number;
  /** How far behind us it goes when cores are scarce; not at all when not given. */
  niceness?: number;
}

/** Where the traces of children go, and who wants to hear of them. */
export interface Surroundings {
  logFolder: string;
  runFolder: string;
  onMessage: (part: string, message: unknown) => void;
  /** A line of a part's log that a person should see now. */
  onWarning: (part: string, words: string) => void;
}

/** How a child ended, and its last lines: the reason, as a rule. */
export interface ChildEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  lastLines: string[];
}

/** A running child in its own process group, which is written down in the run folder while it lives. */
export interface Child {
  /** Resolves when it serves; stays open, or rejects, when it never does. */
  serving: Promise<void>;
  ended: Promise<ChildEnd>;
  send(message: unknown): void;
  /** SIGTERM, and SIGKILL to its group when it still lives after `graceMs`. */
  end(graceMs: number): Promise<ChildEnd>;
}

const LAST_LINES = 20;

/** Starts a part. A command that cannot be started ends at once with code 127. */
export function startChild(
  { name, command: [program, ...args], env, ready, niceness = 0 }: Omit<Part, "turn" | "graceMs">,
  { logFolder, runFolder, onMessage, onWarning }: Surroundings,
): Child {
  const log = openPartLog(`${logFolder}/${name}.log`);
  const child = spawn(program, args, {
    env,
    detached: true,
    // Nothing is ever written to stdin: its end is how a child without IPC can tell that we are gone.
    stdio: ["pipe", "pipe", "pipe", ...(ready === "says so" ? ["ipc" as const] : [])],
  });
  if (child.pid) putBehind(child.pid, niceness);
  child.stdin!.on("error", () => {});
  let saysReady = () => {};
  const said = new Promise<void>((resolve) => (saysReady = resolve));
  child.on("message", (message) => {
    if ((message as { type?: unknown } | null)?.type === "ready") saysReady();
    else onMessage(name, message);
  });
  const lastLines: string[] = [];
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on("data", (chunk: Buffer) => log.write(chunk));
    createInterface({ input: stream }).on("line", (line) => {
      const record = readRecord(line);
      if (record.level >= WARNING) onWarning(name, record.words);
      if (!isReason(record.words)) return;
      lastLines.push(record.words);
      if (lastLines.length > LAST_LINES) lastLines.shift();
    });
  }
  const recorded = child.pid
    ? recordProcess(runFolder, { pid: child.pid, command: program })
    : Promise.resolve(() => Promise.resolve());

  const over = new AbortController();
  const ended = endOf(child).then(async ({ code, signal, words }) => {
    over.abort();
    // What the part left in its group would hold its ports and files.
    if (child.pid) signalGroup(child.pid, "SIGKILL");
    child.stdin!.destroy();
    await (
      await recorded
    )();
    log.close();
    return { code, signal, lastLines: words ? [words] : lastLines };
  });

  return {
    serving: ready === "says so" ? said : askUntilTrue(ready, over.signal),
    ended,
    send(message) {
      if (child.connected) child.send(message as object, () => {});
    },
    async end(graceMs) {
      child.kill("SIGTERM");
      const hard = setTimeout(() => child.pid && signalGroup(child.pid, "SIGKILL"), graceMs);
      try {
        return await ended;
      } finally {
        clearTimeout(hard);
      }
    },
  };
}

async function askUntilTrue(ask: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!(await ask())) await wait(50, undefined, { signal });
}

/** The end of the process and of its output; a grandchild that keeps the output open is not waited for. */
function endOf(child: ChildProcess): Promise<Omit<ChildEnd, "lastLines"> & { words?: string }> {
  return new Promise((resolve) => {
    child.on("error", (error) => {
      if (!child.pid) resolve({ code: 127, signal: null, words: error.message });
    });
    child.on("exit", (code, signal) => {
      const end = () => resolve({ code, signal });
      child.on("close", end);
      setTimeout(end, 200);
    });
  });
}

/** Frames of a stack say where, not why. */
function isReason(words: string): boolean {
  return words !== "" && !/^at .*[:)\d]/.test(words);
}

const WARNING = 40;

/** Our processes log JSON with pino's levels; anything else is a plain line, kept in case it is the last one. */
function readRecord(line: string): { level: number; words: string } {
  if (!line.startsWith("{")) return { level: 0, words: line.trim() };
  try {
    const { level, msg } = JSON.parse(line) as { level?: unknown; msg?: unknown };
    return {
      level: typeof level === "number" ? level : 0,
      words: typeof msg === "string" ? msg : "",
    };
  } catch {
    return { level: 0, words: line };
  }
}
