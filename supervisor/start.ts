import { join } from "node:path";
import { type Env, reachable } from "../platform/env.ts";
import { ensureKeys } from "../platform/keys.ts";
import type { Word } from "../platform/supervised.ts";
import { readVersion } from "../platform/version.ts";
import { buildIfStale } from "./build.ts";
import type { Part } from "./child.ts";
import { devServerPart } from "./dev-server.ts";
import { choosePorts, type WantedPort } from "./ports.ts";
import type { Inherited } from "../platform/programs.ts";
import { whileReporting } from "./progress.ts";
import { askReadiness } from "./readiness.ts";
import type { Row, Screen } from "./screen.ts";
import { type Stage, supervise, type Task } from "./supervise.ts";
import { findTemporal } from "./temporal-server.ts";
import type { Words } from "./words.ts";

/** What `npm start` is given. */
export interface Start {
  env: Env;
  inherited: Inherited;
  projectFolder: string;
  screen: Screen;
  words: Words;
}

/** Everything ends within ten seconds: API, worker, Temporal, one after the other. */
const PARTS = {
  database: { turn: 0, graceMs: 1_000 },
  namespace: { turn: 0, graceMs: 1_000 },
  api: { turn: 1, graceMs: 2_300 },
  worker: { turn: 2, graceMs: 6_000 },
  temporal: { turn: 3, graceMs: 1_200 },
};
const TOOL_GRACE = "5s";
const METRICS_PORT = 9464;
const LOOPBACK = "127.0.0.1";

/** Brings the platform up and keeps it up until it is told to end; answers the exit code. */
export function startPlatform(start: Start): Promise<number> {
  const { env, screen } = start;
  return supervise({
    dataFolder: env.dataFolder,
    witness: screen,
    story: (stage) => comeUp(start, stage),
  });
}

async function comeUp(start: Start, stage: Stage): Promise<void> {
  const { env, inherited, projectFolder, screen } = start;
  const { signal } = stage;
  const { onProgress } = screen;
  const ports = await choose(env);
  const { TEMPORAL_CLI: cli, LONGHAUL_CACHE: cacheFolder } = env;
  const search = { cli, cacheFolder, projectFolder, env: inherited, onProgress, signal };
  const [temporal] = await Promise.all([
    env.TEMPORAL_ADDRESS ? undefined : findTemporal(search),
    buildIfStale({ projectFolder, env: inherited, onProgress, signal }),
    ensureKeys(env),
  ]);

  const children = childEnvironment(start, ports);
  const node = (name: keyof typeof PARTS, script: string): Part => ({
    ...PARTS[name],
    name,
    command: [process.execPath, "--enable-source-maps", join(projectFolder, "dist", script)],
    env: children,
    ready: "says so",
  });
  // Who waits for an answer goes first: what is durable has time.
  const behind = { niceness: env.BACKGROUND_NICENESS };
  const readiness = await whileReporting("starting", onProgress, async (say) => {
    const server = temporal && (await temporalPart(start, temporal.path, ports));
    const serving = server && stage.start({ ...server, ...PARTS.temporal, ...behind });
    const prepareNamespace = async () => {
      await serving;
      await prepare(stage, node("namespace", "scripts/namespace.js"), screen);
    };
    // What answers people comes first; Temporal and its namespace are prepared meanwhile.
    const serveApi = async () => {
      await prepare(stage, node("database", "scripts/prepare.js"), screen);
      await stage.start(node("api", "api/server.js"));
    };
    await Promise.all([prepareNamespace(), serveApi()]);
    await stage.start({ ...node("worker", "workers/main.js"), ...behind });
    return askReadiness(`http://${reachable(env.HOST)}:${ports.api}/ready`, signal, say);
  });
  const rows = rowsOf(start, ports, children);
  screen.showUp({ version: readVersion(), rows, warnings: readiness.warnings });
}

async function prepare(stage: Stage, task: Task, screen: Screen): Promise<void> {
  const word = (await stage.run(task)) as Word | undefined;
  if (word?.type !== "prepared") throw new Error(`${task.name} did not say how it went`);
  for (const warning of word.warnings) screen.onWarning(task.name, warning);
  if (word.signIn) screen.owe(word.signIn);
}

interface Ports {
  api: number;
  metrics: number;
  temporal: number;
  ui: number;
}

/** The ports of this start; a port that nobody asked for by name gives way when it is taken. */
async function choose(env: Env): Promise<Ports> {
  const { HOST: host, WORKER_METRICS_PORT: metrics = METRICS_PORT } = env;
  const movable = env.WORKER_METRICS_PORT === undefined;
  const ours: WantedPort[] = [
    { variable: "PORT", host, port: env.PORT },
    { variable: "WORKER_METRICS_PORT", host, port: metrics, movable },
  ];
  const temporals: WantedPort[] = [
    { variable: "TEMPORAL_PORT", host: LOOPBACK, port: env.TEMPORAL_PORT },
    { variable: "TEMPORAL_UI_PORT", host: LOOPBACK, port: env.TEMPORAL_UI_PORT },
  ];
  const chosen = await choosePorts(env.TEMPORAL_ADDRESS ? ours : [...ours, ...temporals]);
  const [api = 0, metricsPort = 0, temporal = 0, ui = 0] = chosen;
  return { api, metrics: metricsPort, temporal, ui };
}

function temporalPart(
  { env, inherited, projectFolder }: Start,
  path: string,
  { temporal: port, ui: uiPort }: Ports,
): ReturnType<typeof devServerPart> {
  const { dataFolder, TEMPORAL_NAMESPACE: namespace } = env;
  return devServerPart({
    path,
    dataFolder,
    projectFolder,
    namespace,
    port,
    uiPort,
    env: inherited,
  });
}

/** The environment of our own processes: the given one, and what this start decided. */
function childEnvironment({ env, inherited, projectFolder }: Start, ports: Ports): Inherited {
  const decided = {
    ...inherited,
    LONGHAUL_DATA: env.dataFolder,
    PORT: `${ports.api}`,
    WORKER_METRICS_PORT: `${ports.metrics}`,
    SHUTDOWN_GRACE: TOOL_GRACE,
  };
  if (env.TEMPORAL_ADDRESS) return decided;
  // The embedded server has neither TLS nor keys, whatever the person uses for other servers.
  const foreign = /^TEMPORAL_(TLS|API_KEY|GRPC_META|CODEC)/;
  const kept = Object.entries(decided).filter(([name]) => !foreign.test(name));
  return {
    ...Object.fromEntries(kept),
    TEMPORAL_ADDRESS: `${LOOPBACK}:${ports.temporal}`,
    TEMPORAL_UI_URL: env.TEMPORAL_UI_URL ?? `http://${LOOPBACK}:${ports.ui}`,
    TEMPORAL_CONFIG_FILE: join(projectFolder, "temporal-config/temporal.toml"),
    TEMPORAL_PROFILE: "local",
  };
}

function rowsOf({ env, words }: Start, ports: Ports, children: Inherited): Row[] {
  const address = env.PUBLIC_URL ?? `http://${reachable(env.HOST)}:${ports.api}`;
  const uiUrl = children["TEMPORAL_UI_URL"];
  const temporal: Row = env.TEMPORAL_ADDRESS
    ? ["temporal", env.TEMPORAL_ADDRESS]
    : ["temporal", `${LOOPBACK}:${ports.temporal}`];
  const ui: Row[] = uiUrl ? [["ui", `${uiUrl}/namespaces/${env.TEMPORAL_NAMESPACE}`]] : [];
  const madeKeys = !env.SECRET_KEY || !env.SIGNING_KEYSTORE;
  const keys: Row[] = madeKeys ? [["keys", join(env.dataFolder, "keys"), words.backUp]] : [];
  return [
    ["api", address],
    ["docs", `${address}/docs`],
    ...ui,
    temporal,
    ["metrics", `http://${reachable(env.HOST)}:${ports.metrics}/metrics`],
    ["data", env.dataFolder],
    ...keys,
  ];
}
