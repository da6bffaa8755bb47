import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename } from "node:fs/promises";
import { join } from "node:path";
import { withLock } from "../../../platform/lock.ts";
import { runProgram } from "../../../platform/programs.ts";
import { cacheFolder } from "./environment.ts";
import { ensurePip } from "./wheels.ts";

const FETCH_MS = 300_000;

/**
 * The environment in which `python3` has this module: the machine's own, or with the distribution of that name, which
 * is fetched into the cache once.
 */
export async function pythonWith(name: string, version: string): Promise<NodeJS.ProcessEnv> {
  const python = (...args: string[]) =>
    runProgram("python3", args, { env: process.env, timeoutMs: FETCH_MS });
  const hasIt = await python("-c", `import ${name}`).then(
    () => true,
    () => false,
  );
  if (hasIt) return process.env;
  const cached = join(cacheFolder(), `python-${name}-${version}`);
  await ensurePip();
  await withLock(cacheFolder(), `python-${name}`, async () => {
    if (existsSync(cached)) return;
    await mkdir(cacheFolder(), { recursive: true });
    const folder = await mkdtemp(join(cacheFolder(), "fetching-"));
    const exact = `${name}==${version}`;
    await python("-m", "pip", "install", "-q", "--only-binary=:all:", "--target", folder, exact);
    await rename(folder, cached);
  });
  return { ...process.env, PYTHONPATH: cached };
}
