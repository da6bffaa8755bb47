import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openClient, signIn, type PackageClient } from "./package-client.ts";
import { killAll, processesIn, type SeenProcess } from "./processes.ts";
import { freePorts } from "./services/servers.ts";
import { startProgram, type Started } from "./started.ts";
import { until } from "./until.ts";

/** The password of the first administrator of every platform that a test starts. */
export const ADMIN_PASSWORD = "a password of the end-to-end tests";

/** The parts of a platform, by what stands in their command lines. */
const PARTS = {
  api: "dist/api/server.js",
  worker: "dist/workers/main.js",
  temporal: "start-dev",
} as const;

/** What `npm start` makes of one data folder, to be started, broken and started again. */
export interface Platform {
  /** The data folder. */
  folder: string;
  /** The address of the API. */
  address: string;
  temporalAddress: string;
  /** The variables it is started with. */
  variables: Record<string, string>;
  /** The process that keeps the others alive, as it was started last. */
  supervisor(): Started;
  /** Brings it up; answers after how many milliseconds the API answered and everything was ready. */
  start(): Promise<{ answeredMs: number; readyMs: number }>;
  /** Asks the supervisor to end; answers how it ended and after how many milliseconds nothing was left. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | NodeJS.Signals; tookMs: number }>;
  /** Everything that runs for it. */
  processes(): Promise<SeenProcess[]>;
  /** The process of a part; undefined while it is away. */
  find(part: keyof typeof PARTS): Promise<SeenProcess | undefined>;
  /** Ends a part with SIGKILL. */
  kill(part: keyof typeof PARTS): Promise<void>;
  /** Ends everything at once with SIGKILL: what a power cut does to processes. */
  crash(): Promise<void>;
  /** Signs in as the administrator and makes a key: how clients come in. */
  open(): Promise<PackageClient>;
  /** What its processes logged. */
  log(part: string): Promise<string>;
  /** Ends everything and removes the folder. */
  remove(): Promise<void>;
}

/** A platform on free ports in a folder of its own; it is not started yet. */
export async function makePlatform(given: Record<string, string> = {}): Promise<Platform> {
  const parent = await mkdtemp(join(tmpdir(), "longhaul-platform-"));
  const folder = join(parent, "data");
  const [api, temporal, ui, metrics] = await freePorts(4);
  const address = `http://127.0.0.1:${api}`;
  const variables = {
    LONGHAUL_DATA: folder,
    PORT: `${api}`,
    TEMPORAL_PORT: `${temporal}`,
    TEMPORAL_UI_PORT: `${ui}`,
    WORKER_METRICS_PORT: `${metrics}`,
    ADMIN_PASSWORD,
    // Tests share the machine with others, and wait for what is done behind the API.
    BACKGROUND_NICENESS: "0",
    // Tests ask more often than people do.
    LIMIT_REQUESTS: "1000000/60",
    ...given,
  };
  const supervisors: Started[] = [];
  const processes = () => processesIn(folder);
  const find = async (part: keyof typeof PARTS) =>
    (await processes()).find((one) => one.arguments.some((word) => word.endsWith(PARTS[part])));

  const platform: Platform = {
    folder,
    address,
    temporalAddress: `127.0.0.1:${temporal}`,
    variables,
    supervisor: () => supervisors.at(-1)!,
    processes,
    find,
    async start() {
      const began = performance.now();
      // What `npm start` runs.
      const command = [process.execPath, "--import", "tsx", "scripts/start.ts"];
      const supervisor = await startProgram(command, variables);
      supervisors.push(supervisor);
      const answered = until(() => answers(`${address}/live`), 120_000).then(sinceThen, () => NaN);
      await supervisor.saying(/ is up\./);
      const readyMs = sinceThen();
      return { answeredMs: await answered, readyMs };

      function sinceThen(): number {
        return Math.round(performance.now() - began);
      }
    },
    async stop(signal = "SIGTERM") {
      const began = performance.now();
      const supervisor = supervisors.at(-1)!;
      process.kill(supervisor.pid, signal);
      const code = await supervisor.ended;
      await until(async () => (await processes()).length === 0, 20_000);
      return { code, tookMs: Math.round(performance.now() - began) };
    },
    async kill(part) {
      const found = await find(part);
      if (!found) throw new Error(`${part} is not running: there is nothing to kill`);
      process.kill(found.pid, "SIGKILL");
    },
    async crash() {
      await until(async () => {
        const left = await processes();
        killAll(left);
        return left.length === 0;
      });
    },
    open: async () => openClient([address], await signIn(address, ADMIN_PASSWORD)),
    log: (part) => readFile(join(folder, "logs", `${part}.log`), "utf8"),
    async remove() {
      if (existsSync(folder)) await platform.crash();
      await rm(parent, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await mkdir(folder);
  return platform;
}

/** A platform that is up. */
export async function startPlatform(given: Record<string, string> = {}): Promise<Platform> {
  const platform = await makePlatform(given);
  try {
    await platform.start();
  } catch (error) {
    await platform.remove();
    throw error;
  }
  return platform;
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}
