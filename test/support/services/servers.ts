import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { mkdir, mkdtemp } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { choosePorts } from "../../../supervisor/ports.ts";
import { tether } from "../../../supervisor/tether.ts";
import { withoutProductVariables } from "./environment.ts";

const HOST = "127.0.0.1";
const READY_MS = 60_000;

/** A server of this process, on the loopback address. */
export interface ServerStart {
  name: string;
  command: string;
  args: readonly string[];
  /** From `serverFolder`. */
  folder: string;
  /** Files that the server leaves outside its folder. */
  leftovers?: readonly string[];
  /** Resolves when the server does its work; asked again until it does. */
  probe: () => Promise<unknown>;
}

/**
 * The address that the variable names, or else that of a server which `start` started. It is named in the
 * variable from then on, so that all projects of one run share it; it ends with this process.
 */
export async function serverAddress(
  variable: string,
  start: () => Promise<string>,
): Promise<string> {
  process.env[variable] ||= await start();
  return process.env[variable];
}

/** A fresh folder for a server, with `data/` in it. `startServer` takes care that it goes. */
export async function serverFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `longhaul-${name}-`));
  await mkdir(join(folder, "data"));
  return folder;
}

/** Starts a server that lives as long as this process, and waits until it does its work. */
export async function startServer(server: ServerStart): Promise<void> {
  const log = openSync(logOf(server.folder), "a");
  const [command, ...args] = await tether([server.command, ...server.args], process.env);
  const child = spawn(command, args, {
    cwd: server.folder,
    env: withoutProductVariables(process.env),
    stdio: ["pipe", log, log],
  });
  closeSync(log);
  child.unref();
  (child.stdin as Socket).unref();
  process.once("exit", (code) => end(child, server, code));
  await untilReady(child, server);
}

/** The data go with the server; its log stays when the run has failed. */
function end(child: ChildProcess, server: ServerStart, exitCode: number): void {
  child.kill("SIGKILL");
  const failed = exitCode === 1;
  const gone = failed ? join(server.folder, "data") : server.folder;
  for (const path of [gone, ...(server.leftovers ?? [])]) {
    rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  }
  if (failed) process.stderr.write(`The log of ${server.name}: ${logOf(server.folder)}\n`);
}

/** A free port of the loopback address. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** Below those that systems give to whoever connects somewhere: one that was free stays so until somebody listens. */
const [FIRST_PORT, LAST_PORT] = [15_000, 32_000];

/** `count` different free ports of the loopback address. */
export function freePorts(count: number): Promise<number[]> {
  const any = () => ({
    variable: "",
    host: HOST,
    port: randomInt(FIRST_PORT, LAST_PORT),
    movable: true,
  });
  return choosePorts(Array.from({ length: count }, any));
}

async function untilReady(
  child: ChildProcess,
  { name, folder, probe }: ServerStart,
): Promise<void> {
  const spawnError = new Promise<Error>((resolve) => child.once("error", resolve));
  const deadline = Date.now() + READY_MS;
  for (;;) {
    const failed = await Promise.race([spawnError, probe().then(() => null, asError)]);
    if (failed === null) return;
    const ended = child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
    if (ended || Date.now() > deadline) {
      child.kill("SIGKILL");
      const words = readFileSync(logOf(folder), "utf8").trimEnd().split("\n").slice(-30).join("\n");
      const how = ended ? "ended at once" : `was not ready after ${READY_MS / 1000} s`;
      throw new Error(`${name} ${how}: ${failed.message}\n${words}`);
    }
    await wait(50);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function logOf(folder: string): string {
  return join(folder, "server.log");
}
