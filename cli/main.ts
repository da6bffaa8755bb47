#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { runCommand } from "./run.ts";

const INTERRUPTED = 130;
const interrupt = new AbortController();
process.once("SIGINT", () => interrupt.abort());
// `longhaul … | head` closes the pipe: that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

try {
  process.exitCode = await runCommand(process.argv.slice(2), {
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interrupt.signal,
    version: readVersion(),
  });
} catch (error) {
  if (!interrupt.signal.aborted) throw error;
  process.exitCode = INTERRUPTED;
}

/** package.json lies beside this folder, in the sources as in `dist`. */
function readVersion(): string {
  const file = new URL("../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
