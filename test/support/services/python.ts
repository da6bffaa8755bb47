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
  const hasIt = await python("-c", `import ${name}`).then(
    () => true,
    () => false,
  );
  return hasIt ? process.env : pythonWithAll(`python-${name}-${version}`, [`${name}==${version}`]);
}

/** The environment in which `python3` has these distributions, fetched once into the cache under that name. */
export async function pythonWithAll(
  name: string,
  distributions: readonly string[],
): Promise<NodeJS.ProcessEnv> {
  const cached = join(cacheFolder(), name);
  await ensurePip();
  await withLock(cacheFolder(), name, async () => {
    if (existsSync(cached)) return;
    await mkdir(cacheFolder(), { recursive: true });
    const folder = await mkdtemp(join(cacheFolder(), "fetching-"));
    const install = ["-m", "pip", "install", "-q", "--only-binary=:all:", "--target", folder];
    await python(...install, ...distributions);
    await rename(folder, cached);
  });
  return { ...process.env, PYTHONPATH: cached };
}

function python(...args: string[]): Promise<unknown> {
  return runProgram("python3", args, { env: process.env, timeoutMs: FETCH_MS });
}
