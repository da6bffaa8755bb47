import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { tether } from "../../supervisor/tether.ts";
import { withoutProductVariables } from "./services/environment.ts";
import { until } from "./until.ts";

/** The folder that `npm start` is called in. */
const PROJECT_FOLDER = fileURLToPath(new URL("../..", import.meta.url));

/** A process of the product beside a test. It ends with the test's process, however that ends. */
export interface Started {
  pid: number;
  /** What it has said on stdout and stderr. */
  said(): string;
  /** The exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>;
  /** Resolves when it has said this; throws when it ends before. */
  saying(words: RegExp, patienceMs?: number): Promise<void>;
}

/** Starts a program of the product with this machine's environment and these variables. */
export async function startProgram(
  command: readonly string[],
  variables: Record<string, string>,
): Promise<Started> {
  const environment = { ...withoutProductVariables(process.env), LANG: "C", ...variables };
  const [program, ...args] = await tether(command, environment);
  const child = spawn(program, args, {
    cwd: PROJECT_FOLDER,
    env: environment,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  }
  let end: number | NodeJS.Signals | undefined;
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve((end = code ?? signal!)));
  });
  return {
    pid: child.pid!,
    said: () => said,
    ended,
    async saying(words, patienceMs = 120_000) {
      await until(() => words.test(said) || end !== undefined, patienceMs).catch(() => {});
      if (!words.test(said)) throw new Error(`${command.join(" ")} never said ${words}:\n${said}`);
    },
  };
}
