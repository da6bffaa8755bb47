import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { freePorts } from "./services/servers.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Where a platform of a test lives; it can be started there again and again. */
export interface Home {
  dataFolder: string;
  /** The address of its API. */
  url: string;
  env: Record<string, string>;
}

/** One `npm start`. */
export interface RunningPlatform {
  supervisor: ChildProcess;
  /** All that stood on the screen so far. */
  screen: () => string;
  /** The exit code. */
  ended: Promise<number | null>;
}

/** A data folder and ports for a platform of its own; both are given back when the test has finished. */
export async function makeHome(): Promise<Home> {
  const dataFolder = await mkdtemp(join(tmpdir(), "longhaul-home-"));
  onTestFinished(() => rm(dataFolder, { recursive: true, force: true, maxRetries: 10 }));
  const [api, temporal, ui, metrics] = await freePorts(4);
  const ports = { PORT: api, TEMPORAL_PORT: temporal, TEMPORAL_UI_PORT: ui };
  const all = Object.entries({ ...ports, WORKER_METRICS_PORT: metrics });
  const given = Object.fromEntries(all.map(([name, port]) => [name, `${port}`]));
  return {
    dataFolder,
    url: `http://127.0.0.1:${api}`,
    env: { ...given, LONGHAUL_DATA: dataFolder, LANG: "C.UTF-8" },
  };
}

/** Starts the platform of a home, as `npm start` does; it ends with the test at the latest. */
export function startPlatform({ env }: Home): RunningPlatform {
  const supervisor = spawn(process.execPath, ["--import", "tsx", "scripts/start.ts"], {
    cwd: repository,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let screen = "";
  for (const stream of [supervisor.stdout, supervisor.stderr]) {
    stream.on("data", (chunk: Buffer) => (screen += chunk.toString()));
  }
  const ended = new Promise<number | null>((resolve) => supervisor.on("close", resolve));
  onTestFinished(async () => {
    supervisor.kill("SIGTERM");
    await ended;
  });
  return { supervisor, ended, screen: () => screen };
}

/** Resolves when the start screen is there; rejects with what stood on the screen when there will be none. */
export async function untilUp(platform: RunningPlatform): Promise<void> {
  const isUp = () => platform.screen().includes("is up.");
  let over = false;
  void platform.ended.then(() => (over = true));
  while (!isUp()) {
    if (over) throw new Error(`the platform did not come up:\n${platform.screen()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
