import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { constants as fsConstants } from "node:fs";
import { access, mkdir, realpath, stat } from "node:fs/promises";
import { constants, homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { createLineReader } from "./lines.ts";
import { endMarked, endStrays, groupMembers, recordProcess, signalGroup } from "./process-table.ts";
import { openBubblewrap, openGround, type Fence } from "./sandbox.ts";
import { openScratch } from "./scratch.ts";

/** One run of an outside program. */
export interface ToolRun {
  /** An absolute path or a name on PATH. */
  command: string;
  args: readonly string[];
  /** The scratch folder: working folder, HOME, TMPDIR, and the only place the tool may write. */
  directory: string;
  /** Beside PATH, HOME, TMPDIR, LANG, which every tool gets; nothing else of our environment is handed on. */
  env?: Record<string, string>;
  timeoutMs: number;
  /** Ends the tool: SIGTERM to its process group, SIGKILL after `killAfterMs` (default 5,000). */
  signal?: AbortSignal;
  killAfterMs?: number;
  /**
   * Every line of stdout and stderr as it comes, without its line end, at most 8 KiB of it. Of a flood (over
   * 16 MiB) only a share is handed on, and its end; a mark says how much is missing.
   */
  onLine?: (line: string) => void;
  /** Readable beside the system's folders and `directory`. */
  readable?: readonly string[];
  /** Tools have no network unless they say so. */
  network?: boolean;
}

/** How a tool ended. A tool that was killed has a `signal` and no exit code. */
export interface ToolEnd {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** Why we ended it, if we did. */
  ended: "by-itself" | "timed-out" | "cancelled";
  durationMs: number;
}

/** Runs outside programs so that nothing of them is left behind: no process, no file. */
export interface Shell {
  /** Throws `ToolMissing` when there is no such program; how a program ended is never an error here. */
  run(tool: ToolRun): Promise<ToolEnd>;
  /** A fresh folder (0700) for `body`, removed whatever happens; what a killed process left is removed at start. */
  withScratch<T>(name: string, body: (directory: string) => Promise<T>): Promise<T>;
  /** The absolute path of a program on PATH, or undefined. */
  find(command: string): Promise<string | undefined>;
  /** What keeps tools in: said at start, so that nobody believes in a fence that is not there. */
  readonly sandbox: "bubblewrap" | "none";
}

/** There is no such program on this machine. */
export class ToolMissing extends Error {
  readonly command: string;

  constructor(command: string) {
    super(`${command} is not installed on this machine`);
    this.name = "ToolMissing";
    this.command = command;
  }
}

/** Where a shell works. Both folders belong to the processes of one machine or container. */
export interface ShellSettings {
  /** Scratch folders are made here. */
  scratchFolder: string;
  /** What runs is written down here. */
  runFolder: string;
  /** Where programs are looked for, as in PATH. */
  path?: string;
  /** Folders that no tool may see into, such as the one with our keys. */
  hidden?: readonly string[];
  /** "none" does without bubblewrap even where it works. */
  sandbox?: "none";
  log?: (message: string, fields: Record<string, unknown>) => void;
}

/** What a run needs of its shell. */
interface Ground {
  fence: Fence;
  path: string;
  runFolder: string;
  find: Shell["find"];
  log: NonNullable<ShellSettings["log"]>;
}

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** How long output is awaited that was written before the tool ended. */
const DRAIN_MS = 1000;

/** What is longer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Opens the shell: ends and removes what dead processes left, and tries which fence works here. */
export async function openShell(settings: ShellSettings): Promise<Shell> {
  const { runFolder, path = PATH, log = () => {} } = settings;
  await mkdir(settings.scratchFolder, { recursive: true, mode: 0o700 });
  const scratchFolder = await realpath(settings.scratchFolder);
  const strays = await endStrays(runFolder);
  if (strays.length > 0) log("ended tools that a dead process left", { count: strays.length });
  const withScratch = await openScratch(scratchFolder, log);
  const find = (command: string) => findProgram(command, path);

  const hidden = [scratchFolder, runFolder, homedir(), ...(settings.hidden ?? [])];
  const fence = await withScratch("fence", async (trialFolder) => {
    if (settings.sandbox === "none") return openGround({ find });
    const environment = environmentOf({ directory: trialFolder }, path);
    const tried = await openBubblewrap({ find, hidden, trialFolder, environment });
    if ("wrap" in tried) return tried;
    log("tools run without a sandbox", { reason: tried.missing });
    return openGround({ find });
  });

  const ground = { fence, path, runFolder, find, log };
  return { run: (tool) => runTool(ground, tool), withScratch, find, sandbox: fence.kind };
}

async function runTool(ground: Ground, tool: ToolRun): Promise<ToolEnd> {
  const command = await ground.find(tool.command);
  if (!command) throw new ToolMissing(tool.command);
  const startedMs = performance.now();
  const sinceStart = () => Math.round(performance.now() - startedMs);
  const directory = await realpath(tool.directory);
  const [file, ...args] = await ground.fence.wrap({ ...tool, command, directory });
  if (tool.signal?.aborted)
    return { exitCode: null, signal: null, ended: "cancelled", durationMs: sinceStart() };

  const runId = randomUUID();
  const mark = `LONGHAUL_TOOL=${runId}`;
  const child = spawn(file!, args, {
    cwd: directory,
    env: { ...environmentOf({ ...tool, directory }, ground.path), LONGHAUL_TOOL: runId },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const exit = exitOf(child);
  const output = readOutput(child, tool, ground);
  const guard = guardRun(child, tool, ground.fence.kind);
  let forget = async () => {};
  try {
    const record = child.pid && recordProcess(ground.runFolder, { pid: child.pid, command, mark });
    if (record) forget = await record;
    const end = await exit;
    // Behind bubblewrap nothing outlives the tool; elsewhere a child may have left the group.
    if (ground.fence.kind === "none") await endMarked(mark);
    await output.drain();
    const { exitCode, signal } = ground.fence.kind === "none" ? end : endBehind(end);
    return { exitCode, signal, ended: guard.ended(), durationMs: sinceStart() };
  } finally {
    guard.dismiss();
    if (isRunning(child)) signalGroup(child.pid!, "SIGKILL");
    await forget();
  }
}

type ExitStatus = Pick<ToolEnd, "exitCode" | "signal">;

/** Resolves when the tool ends, and ends the rest of its group at once, before its id can be used again. */
function exitOf(child: ChildProcess): Promise<ExitStatus> {
  const exit = new Promise<ExitStatus>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (exitCode, signal) => {
      signalGroup(child.pid!, "SIGKILL");
      resolve({ exitCode, signal });
    });
  });
  // It is awaited a moment later, when the run is written down.
  exit.catch(() => {});
  return exit;
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Ends the tool when its time is up or nobody wants it any more. */
function guardRun(child: ChildProcess, tool: ToolRun, fence: Fence["kind"]) {
  let ended: ToolEnd["ended"] = "by-itself";
  let killTimer: NodeJS.Timeout | undefined;

  function end(why: ToolEnd["ended"]): void {
    if (ended !== "by-itself" || !isRunning(child)) return;
    ended = why;
    killTimer = setTimeout(() => signalGroup(child.pid!, "SIGKILL"), tool.killAfterMs ?? 5000);
    if (fence === "none") signalGroup(child.pid!, "SIGTERM");
    else void terminateBehind(child.pid!);
  }

  const timer = setTimeout(() => end("timed-out"), Math.min(tool.timeoutMs, LONGEST_TIMER_MS));
  const cancel = () => end("cancelled");
  tool.signal?.addEventListener("abort", cancel);
  const dismiss = () => {
    clearTimeout(timer);
    clearTimeout(killTimer);
    tool.signal?.removeEventListener("abort", cancel);
  };
  child.once("exit", dismiss);
  return { ended: () => ended, dismiss };
}

/**
 * Sends SIGTERM to the tool and its group, but not to the two processes of bubblewrap around it: their end
 * would be a SIGKILL for the tool. While there is no tool yet, there is nothing to be gentle with.
 */
async function terminateBehind(leader: number): Promise<void> {
  const members = await groupMembers(leader);
  const inside = members.filter(({ pid, parent }) => pid !== leader && parent !== leader);
  if (inside.length === 0) signalGroup(leader, "SIGKILL");
  for (const { pid } of inside) {
    try {
      process.kill(pid, "SIGTERM");
    } catch {
      // It has ended in the meantime.
    }
  }
}

/** Bubblewrap reports a tool that died of a signal as 128 and the signal's number. */
function endBehind({ exitCode, signal }: ExitStatus): ExitStatus {
  const names = Object.keys(constants.signals) as NodeJS.Signals[];
  const name = names.find((name) => constants.signals[name] + 128 === exitCode);
  return name ? { exitCode: null, signal: name } : { exitCode, signal };
}

/** Hands on the lines of stdout and stderr, a chunk per turn of the event loop, however fast they come. */
function readOutput(child: ChildProcess, { onLine, command }: ToolRun, { log }: Ground) {
  let failed = false;
  const deliver = (line: string) => {
    try {
      onLine?.(line);
    } catch (error) {
      if (!failed) log("a line of a tool could not be taken", { command, error });
      failed = true;
    }
  };
  const pipes = [child.stdout, child.stderr].filter((pipe) => pipe !== null);
  const readers = pipes.map((pipe) => readPipe(pipe, deliver));
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    /** A process that left us may hold the pipes open for ever: they are closed after a moment. */
    async drain(): Promise<void> {
      const patience = new AbortController();
      await Promise.race([closed, delay(DRAIN_MS, undefined, { signal: patience.signal })]);
      patience.abort();
      for (const pipe of pipes) pipe.destroy();
      for (const reader of readers) reader.end();
    },
  };
}

function readPipe(pipe: Readable, deliver: (line: string) => void) {
  const reader = createLineReader(deliver);
  pipe.on("error", () => pipe.destroy());
  pipe.on("data", (chunk: Buffer) => {
    pipe.pause();
    reader.push(chunk);
    setImmediate(() => pipe.resume());
  });
  return reader;
}

function environmentOf(
  { directory, env }: Pick<ToolRun, "directory" | "env">,
  path: string,
): Record<string, string> {
  return { PATH: path, HOME: directory, TMPDIR: directory, LANG: "C.UTF-8", TZ: "UTC", ...env };
}

async function findProgram(command: string, path: string): Promise<string | undefined> {
  const folders = path.split(delimiter);
  const isName = !command.includes("/");
  const places = isName ? folders.map((folder) => join(folder, command)) : [command];
  for (const place of places.filter(isAbsolute)) {
    const file = await stat(place).catch(() => undefined);
    if (!file?.isFile()) continue;
    const runs = await access(place, fsConstants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return place;
  }
  return undefined;
}
