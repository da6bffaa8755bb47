import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { withLock } from "../lock.ts";
import { type Inherited, runProgram } from "../programs.ts";
import type { Shell } from "../shell.ts";
import { requirements, YT_DLP_VERSION } from "./wheels.ts";

/** A yt-dlp that runs on this machine, behind the shell's fence. */
export interface YtDlp {
  command: string;
  /** Words that come before its own options. */
  words: readonly string[];
  /** What it must be able to read beside the system's folders. */
  readable: readonly string[];
  /** For example `2026.10.26`. */
  version: string;
  /** How it was found. */
  route: "YT_DLP" | "PATH" | "cache" | "PyPI wheel";
}

/** Where to look for yt-dlp, and how to get it. */
export interface YtDlpSearch {
  /** YT_DLP: when given, this and no other. */
  configured?: string | undefined;
  shell: Shell;
  /** LONGHAUL_CACHE. */
  cacheFolder: string;
  /** The environment of the machine: PATH, and what pip is configured by. */
  machine: Inherited;
  signal?: AbortSignal;
  /** For tests: another way to fetch it into a folder. */
  fetch?: (folder: string, search: YtDlpSearch) => Promise<void>;
}

/** No way led to yt-dlp; `tried` says what was tried, a line each. */
export class NoYtDlp extends Error {
  override readonly name = "NoYtDlp";
  readonly tried: readonly string[];

  constructor(tried: readonly string[]) {
    super(`yt-dlp was not found: ${tried.join("; ")}`);
    this.tried = tried;
  }
}

/** Older ones do not know all of the options that are used. */
const LEAST_VERSION = "2025.11.12";
const DRAFT = "yt-dlp-fetching-";
const VERSION_MS = 60_000;
const FETCH_MS = 300_000;

/**
 * Finds yt-dlp: YT_DLP, PATH, the cache, then the pinned wheels, fetched into the cache. Several processes may search at
 * once: one fetches, the others wait for it. Throws `NoYtDlp`.
 */
export async function findYtDlp(search: YtDlpSearch): Promise<YtDlp> {
  const { configured, shell, cacheFolder } = search;
  const tried: string[] = [];
  if (configured) {
    const found = await proven({ command: configured, words: [], readable: [] }, "YT_DLP", shell);
    if (typeof found !== "string") return found;
    throw new NoYtDlp([found]);
  }
  const onPath = await shell.find("yt-dlp");
  const found = onPath
    ? await proven({ command: onPath, words: [], readable: [] }, "PATH", shell)
    : "PATH: there is no yt-dlp on it";
  if (typeof found !== "string") return found;
  tried.push(found);

  const python = await findPython(search).catch((error: Error) => error.message);
  if (typeof python === "string") throw new NoYtDlp([...tried, `PyPI wheel: ${python}`]);
  const cached = join(cacheFolder, `yt-dlp-${YT_DLP_VERSION}-${process.platform}-${process.arch}`);
  const inCache = {
    command: python.command,
    // Isolated: neither the working folder, which holds what strangers sent, nor a user's own modules are looked into.
    words: ["-I", cached],
    readable: [cached, python.home],
  };
  const route = existsSync(cached) ? "cache" : "PyPI wheel";
  try {
    await withLock(cacheFolder, basename(cached), async () => {
      if (!existsSync(cached)) await fetchInto(cached, search);
    });
  } catch (error) {
    search.signal?.throwIfAborted();
    throw new NoYtDlp([...tried, `PyPI wheel: ${(error as Error).message}`]);
  }
  const fetched = await proven(inCache, route, shell);
  if (typeof fetched !== "string") return fetched;
  throw new NoYtDlp([...tried, fetched]);
}

/** The interpreter itself: what is called so may be a script that looks for it, in folders that no tool may see. */
async function findPython({ machine, signal }: YtDlpSearch) {
  const question = "import sys; print(sys.executable); print(sys.base_prefix)";
  const asking = { env: machine, timeoutMs: VERSION_MS, signal };
  const said = await runProgram("python3", ["-I", "-c", question], asking);
  const [command = "", home = ""] = said.split("\n");
  return { command, home };
}

async function fetchInto(cached: string, search: YtDlpSearch): Promise<void> {
  await mkdir(search.cacheFolder, { recursive: true });
  // What a killed process left: nobody else is here now.
  const drafts = (await readdir(search.cacheFolder)).filter((name) => name.startsWith(DRAFT));
  for (const draft of drafts) await rm(join(search.cacheFolder, draft), { recursive: true });
  const folder = await mkdtemp(join(search.cacheFolder, DRAFT));
  try {
    await (search.fetch ?? fetchWheels)(folder, search);
    await writeFile(join(folder, "__main__.py"), "import yt_dlp\n\nyt_dlp.main()\n");
    await rename(folder, cached);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Nothing but the pinned digests makes the wheels trusted: pip refuses any other. */
async function fetchWheels(folder: string, { machine, signal }: YtDlpSearch): Promise<void> {
  const list = join(folder, "requirements.txt");
  await writeFile(list, requirements());
  const words = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"];
  const pip = ["-m", "pip", "--disable-pip-version-check", "install", ...words];
  const running = { env: machine, timeoutMs: FETCH_MS, signal };
  await runProgram("python3", [...pip, "--target", folder, "--requirement", list], running);
}

/** What says its version, and is new enough; otherwise why it cannot be used. */
async function proven(
  program: Omit<YtDlp, "version" | "route">,
  route: YtDlp["route"],
  shell: Shell,
): Promise<YtDlp | string> {
  const { command, words, readable } = program;
  const lines: string[] = [];
  try {
    const { exitCode } = await shell.withScratch("yt-dlp", (directory) =>
      shell.run({
        command,
        args: [...words, "--ignore-config", "--version"],
        directory,
        readable,
        timeoutMs: VERSION_MS,
        onLine: (line) => lines.push(line),
      }),
    );
    const version = /^\d{4}\.\d{2}\.\d{2}\S*$/m.exec(lines.join("\n"))?.[0];
    if (exitCode !== 0 || !version) {
      return `${route}: ${command} does not say its version: ${lines.at(-1) ?? "nothing"}`;
    }
    if (version < LEAST_VERSION) {
      return `${route}: ${command} is ${version}, at least ${LEAST_VERSION} is needed`;
    }
    return { ...program, version, route };
  } catch (error) {
    return `${route}: ${(error as Error).message}`;
  }
}
