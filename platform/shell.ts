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
  /** Every line of stdout and stderr as it comes, without its line end, at most 8 KiB of it. */
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

export interface Shell {
  run(tool: ToolRun): Promise<ToolEnd>;
  /** A fresh folder (0700) for `body`, removed whatever happens; what a killed process left is removed at start. */
  withScratch<T>(name: string, body: (directory: string) => Promise<T>): Promise<T>;
  /** The absolute path of a program on PATH, or undefined. */
  find(command: string): Promise<string | undefined>;
  /** What keeps tools in: said at start, so that nobody believes in a fence that is not there. */
  readonly sandbox: "bubblewrap" | "none";
}
