import { chmod, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { BadConfiguration } from "../platform/env.ts";
import { withLock } from "../platform/lock.ts";
import { type OnProgress, whileReporting } from "./progress.ts";
import { findProgram, type Inherited, runProgram } from "../platform/programs.ts";
import { type Route, ROUTES, TEMPORAL_VERSION } from "./temporal-routes.ts";

/** Where to look for a Temporal binary, and how to get one. */
export interface TemporalSearch {
  /** TEMPORAL_CLI: when given, this and no other. */
  cli?: string | undefined;
  /** The environment of the machine: PATH, and what pip and go are configured by. */
  env: Inherited;
  /** LONGHAUL_CACHE. */
  cacheFolder: string;
  /** The repository's folder. */
  projectFolder: string;
  onProgress?: OnProgress;
  signal?: AbortSignal | undefined;
  /** For tests: other ways to a binary, another kind of machine. */
  routes?: readonly Route[];
  machine?: string;
}

/** A Temporal binary that runs on this machine. */
export interface FoundTemporal {
  path: string;
  /** How it was found: `TEMPORAL_CLI`, `PATH`, `cache`, or the name of the route that brought it. */
  route: string;
  /** Of the command line, for example `1.9.1`. */
  version: string;
}

/** No way led to a Temporal binary; `tried` says what was tried, a line each. */
export class NoTemporal extends Error {
  override readonly name = "NoTemporal";
  readonly tried: readonly string[];

  constructor(tried: readonly string[]) {
    super(`no Temporal server was found:\n${tried.join("\n")}`);
    this.tried = tried;
  }
}

/**
 * Finds a Temporal binary: TEMPORAL_CLI, PATH, the cache, then the routes that bring one into the cache.
 * Several processes may search at once: one fetches, the others wait for it. Throws `NoTemporal`,
 * and `BadConfiguration` when TEMPORAL_CLI names what cannot be used.
 */
export async function findTemporal(search: TemporalSearch): Promise<FoundTemporal> {
  const tried: string[] = [];
  if (search.cli) {
    const version = await versionOf(search.cli, search, tried, "TEMPORAL_CLI");
    if (version) return { path: search.cli, route: "TEMPORAL_CLI", version };
    const faults = tried.map((line) => line.replace(/^ *- /, ""));
    throw new BadConfiguration([...faults, "TEMPORAL_CLI: correct it, or leave it empty"]);
  }
  const onPath = await findProgram("temporal", search.env);
  if (onPath) {
    const version = await versionOf(onPath, search, tried, "PATH");
    if (version) return { path: onPath, route: "PATH", version };
  } else tried.push("  - PATH: there is no temporal on it");

  const machine = search.machine ?? `${process.platform}-${process.arch}`;
  const cached = join(search.cacheFolder, `temporal-${TEMPORAL_VERSION}-${machine}`);
  const version = await versionOf(cached, search, [], "cache");
  if (version) return { path: cached, route: "cache", version };
  tried.push(`  - cache: nothing usable at ${cached}`);

  return withLock(
    search.cacheFolder,
    basename(cached),
    async () => {
      const madeMeanwhile = await versionOf(cached, search, [], "cache");
      if (madeMeanwhile) return { path: cached, route: "cache", version: madeMeanwhile };
      return fetchInto(cached, machine, search, tried);
    },
    () => search.onProgress?.({ step: "fetching-temporal-elsewhere", seconds: 0 }),
  );
}

async function fetchInto(
  cached: string,
  machine: string,
  search: TemporalSearch,
  tried: string[],
): Promise<FoundTemporal> {
  const { env, projectFolder, signal, onProgress = () => {} } = search;
  await removeDrafts(search.cacheFolder);
  for (const route of search.routes ?? ROUTES) {
    const folder = await mkdtemp(join(search.cacheFolder, DRAFT));
    try {
      const binary = await whileReporting("fetching-temporal", onProgress, (say) => {
        say(route.name);
        const report = (stand: string) => say(`${route.name}, ${stand}`);
        const fetching = { folder, projectFolder, machine, env, signal, onProgress: report };
        return route.fetch(fetching);
      });
      await chmod(binary, 0o755);
      const version = await versionOf(binary, search, tried, route.name);
      if (!version) continue;
      await rename(binary, cached);
      return { path: cached, route: route.name, version };
    } catch (error) {
      signal?.throwIfAborted();
      tried.push(`  - ${route.name}: ${(error as Error).message}`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  throw new NoTemporal(tried);
}

const DRAFT = "fetching-";

/** What a killed process left. */
async function removeDrafts(cacheFolder: string): Promise<void> {
  const drafts = (await readdir(cacheFolder)).filter((name) => name.startsWith(DRAFT));
  await Promise.all(
    drafts.map((name) => rm(join(cacheFolder, name), { recursive: true, force: true })),
  );
}

/** Priorities, eager starts and the worker list are on by themselves from here. */
const LEAST_SERVER = "1.31.2";

/** The version a binary says it has; undefined, with the reason in `tried`, when it does not run or is too old. */
async function versionOf(
  path: string,
  { env, signal }: TemporalSearch,
  tried: string[],
  name: string,
): Promise<string | undefined> {
  try {
    const words = await runProgram(path, ["--version"], { env, signal, timeoutMs: 20_000 });
    const version = /version v?(\d+\.\d+\.\d+\S*)/.exec(words)?.[1];
    const server = /Server v?(\d+\.\d+\.\d+)/.exec(words)?.[1];
    if (!version) throw new Error(`${path} does not say its version`);
    if (server && isOlder(server, LEAST_SERVER)) {
      throw new Error(`${path} holds server ${server}, at least ${LEAST_SERVER} is needed`);
    }
    return version;
  } catch (error) {
    signal?.throwIfAborted();
    tried.push(`  - ${name}: ${(error as Error).message}`);
    return undefined;
  }
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, "en", { numeric: true }) < 0;
}
