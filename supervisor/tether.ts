import { type Inherited, runProgram } from "../platform/programs.ts";

const KERNEL = ["setpriv", "--pdeathsig", "KILL", "--"] as const;

/** Our end of stdin closes when we are gone, however we went. */
const WATCHER = `exec 3<&0; { cat <&3 >/dev/null; kill -KILL $$; } & exec "$@" </dev/null 3<&-`;

/**
 * The command line under which a program that is not ours ends when this process is gone, also by kill -9:
 * by the kernel where setpriv can ask it, elsewhere by a shell that watches the program's stdin.
 */
export async function tether(
  command: readonly string[],
  env: Inherited,
): Promise<readonly [string, ...string[]]> {
  try {
    await runProgram(KERNEL[0], [...KERNEL.slice(1), "true"], { env, timeoutMs: 5_000 });
    return [...KERNEL, ...command];
  } catch {
    return ["/bin/sh", "-c", WATCHER, "sh", ...command];
  }
}
