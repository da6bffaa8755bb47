import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { availableParallelism, setPriority } from "node:os";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { startProgram } from "../test/support/started.ts";

const CPU_NANOSECONDS = 1e9;
const PEERS = fileURLToPath(new URL("peers.ts", import.meta.url));

/** What serves runs on one core, what asks on the other: neither takes the other's time. */
const CORES = { serving: "0", asking: "1" } as const;
/** The priority of what goes before everything else. */
const FIRST = -15;

/** Somebody else's server. */
export interface Peer {
  address: string;
  pid: number;
  stop(): Promise<void>;
}

/** Starts a peer of bench/peers.ts on the core of those who serve. */
export async function startPeer(name: string, ...args: string[]): Promise<Peer> {
  const node = [process.execPath, "--import", "tsx", PEERS, name, ...args];
  return startServing(node, /(http:\S+|ready)/);
}

/** Starts a server on the core of those who serve; what it says last in `words` is its address. */
export async function startServing(
  command: readonly string[],
  words: RegExp,
  variables: Record<string, string> = {},
): Promise<Peer> {
  const started = await startProgram(["taskset", "-c", CORES.serving, ...command], variables);
  await started.saying(words);
  return {
    address: words.exec(started.said())![1]!,
    pid: started.pid,
    async stop() {
      process.kill(started.pid, "SIGTERM");
      await started.ended;
    },
  };
}

/** Moves a process with all its threads to the core of those who serve. */
export async function pinServing(pid: number): Promise<void> {
  await run(["taskset", "-apc", CORES.serving, `${pid}`]);
}

/** Gives a process all cores again: what is measured may be how its threads share them. */
export async function unpin(pid: number): Promise<void> {
  await run(["taskset", "-apc", `0-${availableParallelism() - 1}`, `${pid}`]);
}

/** Runs a program on the core of those who ask, and answers what it wrote. Throws when it fails. */
export async function runAsking(command: readonly string[]): Promise<string> {
  return run(["taskset", "-c", CORES.asking, ...command]);
}

/**
 * Runs a program that stands for many elsewhere, and answers what it wrote: it may use all cores, and does not wait for
 * them, so that what it measures is not its own waiting. Without the right to go first it goes as everybody.
 */
export async function runFirst(command: readonly string[]): Promise<string> {
  return run(command, (pid) => {
    try {
      setPriority(pid, FIRST);
      // Linux shares its cores out between sessions before it looks at their processes (sched(7), autogroup).
      writeFileSync(`/proc/${pid}/autogroup`, `${FIRST}`);
    } catch {
      console.log("  whoever asks has to wait for the cores like everybody");
    }
  });
}

async function run(
  [program = "", ...args]: readonly string[],
  onStart?: (pid: number) => void,
): Promise<string> {
  const detached = onStart !== undefined;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], detached });
  if (child.pid) onStart?.(child.pid);
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${args.join(" ")}`);
  return said;
}

/** The CPU seconds that the threads of these processes have had so far. */
export async function cpuSeconds(...pids: number[]): Promise<number> {
  let nanoseconds = 0;
  for (const pid of pids) {
    for (const thread of await readdir(`/proc/${pid}/task`)) {
      // A thread may have ended since the folder was read.
      const path = `/proc/${pid}/task/${thread}/schedstat`;
      nanoseconds += Number.parseInt(await readFile(path, "utf8").catch(() => "0"));
    }
  }
  return nanoseconds / CPU_NANOSECONDS;
}

/** The bytes of memory that a process had at most since `forgetPeak`. */
export async function peakBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

/** Lets the peak of a process begin anew at what it has now. */
export async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, "5");
}
