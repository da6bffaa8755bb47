import { readdir, readFile } from "node:fs/promises";

/** A process of this machine, with the arguments that everybody on it can read. */
export interface SeenProcess {
  pid: number;
  arguments: string[];
}

/** The processes that work in `folder`: those that have it in their environment or their arguments. Needs /proc. */
export async function processesIn(folder: string): Promise<SeenProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const seen = await Promise.all(
    pids.map(async (pid) => {
      const [environment, words] = await Promise.all([read(pid, "environ"), read(pid, "cmdline")]);
      const isIn = environment.includes(folder) || words.includes(folder);
      return isIn ? [{ pid, arguments: words.split("\0").slice(0, -1) }] : [];
    }),
  );
  return seen.flat();
}

/** Ends these processes at once, whatever they are doing; those that have ended meanwhile are passed over. */
export function killAll(processes: readonly Pick<SeenProcess, "pid">[]): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Notes the arguments of all processes in `folder` until `stop` is called, which answers each command line once. */
export function watchArguments(folder: string): { stop(): Promise<string[]> } {
  const seen = new Set<string>();
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      for (const one of await processesIn(folder)) seen.add(one.arguments.join(" "));
    }
  })();
  return {
    async stop() {
      over.abort();
      await watching;
      return [...seen];
    },
  };
}

/** Empty for a process that has ended. */
function read(pid: number, name: "environ" | "cmdline"): Promise<string> {
  return readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
}
