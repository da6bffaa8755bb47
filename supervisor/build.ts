import { createHash } from "node:crypto";
import { copyFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { withLock } from "../platform/lock.ts";
import { type OnProgress, whileReporting } from "./progress.ts";
import { type Inherited, ProgramFailed, runProgram } from "../platform/programs.ts";

/** What is built from what. */
export interface Building {
  /** The repository's folder; the result is `dist` in it. */
  projectFolder: string;
  env: Inherited;
  onProgress?: OnProgress;
  signal?: AbortSignal | undefined;
}

/** The sources do not compile; the message is what the compiler said. The build before is untouched. */
export class BuildFailed extends Error {
  override readonly name = "BuildFailed";
}

/** Beside the folders that tsconfig.json includes. */
const SOURCE_FILES = ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.base.json"];
const FINGERPRINT = "sources.sha256";
const STEP_MS = 300_000;

/**
 * Brings `dist` up to date with its sources: compiled files, the workflow bundle, package.json.
 * Answers whether there was anything to do. Of several processes one builds and the others wait.
 */
export async function buildIfStale(building: Building): Promise<boolean> {
  const { projectFolder, onProgress = () => {} } = building;
  if (await isFresh(projectFolder)) return false;
  return withLock(
    join(projectFolder, ".cache"),
    "build",
    async () => {
      if (await isFresh(projectFolder)) return false;
      await whileReporting("building", onProgress, () => build(building));
      return true;
    },
    () => onProgress({ step: "building-elsewhere", seconds: 0 }),
  );
}

async function build({ projectFolder, env, signal }: Building): Promise<void> {
  await removeDrafts(projectFolder);
  const draft = await mkdtemp(join(projectFolder, "dist."));
  try {
    const fingerprint = await fingerprintOf(projectFolder);
    const running = { env, folder: projectFolder, timeoutMs: STEP_MS, signal };
    const compiler = join(projectFolder, "node_modules/typescript/bin/tsc");
    const bundle = ["--import", "tsx", "scripts/bundle.ts", join(draft, "workflow-bundle.js")];
    await allOrFirstFailure([
      compile(process.execPath, [compiler, "--pretty", "false", "--outDir", draft], running),
      compile(process.execPath, bundle, running),
    ]);
    await copyFile(join(projectFolder, "package.json"), join(draft, "package.json"));
    await writeFile(join(draft, FINGERPRINT), fingerprint);
    await replace(join(projectFolder, "dist"), draft);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function compile(
  command: string,
  args: string[],
  running: Parameters<typeof runProgram>[2],
): Promise<void> {
  const lines: string[] = [];
  try {
    await runProgram(command, args, { ...running, onLine: (line) => lines.push(line) });
  } catch (error) {
    if (!(error instanceof ProgramFailed)) throw error;
    throw new BuildFailed(lines.join("\n"), { cause: error });
  }
}

/** Waits for all, so that nothing writes into a folder that is being removed. */
async function allOrFirstFailure(steps: Promise<void>[]): Promise<void> {
  const ends = await Promise.allSettled(steps);
  const failure = ends.find((end) => end.status === "rejected");
  if (failure) throw failure.reason;
}

async function replace(folder: string, draft: string): Promise<void> {
  const former = `${draft}.former`;
  try {
    await rename(folder, former);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  await rename(draft, folder);
  await rm(former, { recursive: true, force: true });
}

/** What a killed build left. */
async function removeDrafts(projectFolder: string): Promise<void> {
  const drafts = (await readdir(projectFolder)).filter((name) => name.startsWith("dist."));
  await Promise.all(
    drafts.map((name) => rm(join(projectFolder, name), { recursive: true, force: true })),
  );
}

async function isFresh(projectFolder: string): Promise<boolean> {
  const [built, now] = await Promise.all([
    readFile(join(projectFolder, "dist", FINGERPRINT), "utf8").catch(() => undefined),
    fingerprintOf(projectFolder),
  ]);
  return built === now;
}

/** One digest of all sources, by name and content: a checkout that only touches times builds nothing. */
async function fingerprintOf(projectFolder: string): Promise<string> {
  const settings = await readFile(join(projectFolder, "tsconfig.json"), "utf8");
  const { include } = JSON.parse(settings) as { include: string[] };
  const sources = [...include, ...SOURCE_FILES];
  const names = await Promise.all(sources.map((name) => filesIn(projectFolder, name)));
  const files = names.flat().sort();
  const contents = await Promise.all(files.map((name) => readFile(join(projectFolder, name))));
  const hash = createHash("sha256");
  for (const [index, name] of files.entries()) {
    const content = contents[index]!;
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

async function filesIn(projectFolder: string, name: string): Promise<string[]> {
  try {
    const entries = await readdir(join(projectFolder, name), {
      withFileTypes: true,
      recursive: true,
    });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(projectFolder, join(entry.parentPath, entry.name)));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR") return [name];
    if (code === "ENOENT") return [];
    throw error;
  }
}
