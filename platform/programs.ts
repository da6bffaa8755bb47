import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { createInterface } from "node:readline";
import { signalGroup } from "./process-table.ts";

/** The variables of the process that started us, as they are handed on to programs. */
export type Inherited = Readonly<Record<string, string | undefined>>;

/** One run of a program that is part of starting up, with the machine's own environment. */
export interface ProgramRun {
  env: Inherited;
  folder?: string;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  onLine?: (line: string) => void;
}

/** The program could not be started, took too long or ended with another code than 0; `message` says which, with its last words. */
export class ProgramFailed extends Error {
  override readonly name = "ProgramFailed";
}

/** Runs a program to its end and answers what it wrote. Throws `ProgramFailed`. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { env, folder, timeoutMs, signal, onLine }: ProgramRun,
): Promise<string> {
  const lines: string[] = [];
  const limit = AbortSignal.timeout(timeoutMs);
  const ends = signal ? AbortSignal.any([signal, limit]) : limit;
  ends.throwIfAborted();
  const child = spawn(command, args, {
    cwd: folder,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const kill = () => child.pid && signalGroup(child.pid, "SIGKILL");
  ends.addEventListener("abort", kill);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      onLine?.(line);
    });
  }
  const code = await new Promise<number | string | null>((resolve) => {
    child.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    child.on("close", (code, killedBy) => resolve(code ?? killedBy));
  });
  ends.removeEventListener("abort", kill);
  signal?.throwIfAborted();
  if (limit.aborted) throw new ProgramFailed(`${command} took longer than ${timeoutMs / 1000} s`);
  if (code === 0) return lines.join("\n");
  if (code === "ENOENT") throw new ProgramFailed(`${command} is not on PATH`);
  const words = lines.filter((line) => line.trim()).slice(-3);
  throw new ProgramFailed([`${command} ended with ${code}`, ...words].join(": "));
}

/** The absolute path of a program on the PATH of `env`, or undefined. */
export async function findProgram(name: string, env: Inherited): Promise<string | undefined> {
  const suffixes = process.platform === "win32" ? [".exe", ".cmd"] : [""];
  for (const folder of (env["PATH"] ?? "").split(delimiter).filter((part) => isAbsolute(part))) {
    for (const suffix of suffixes) {
      const file = join(folder, name + suffix);
      if (await isExecutable(file)) return file;
    }
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
