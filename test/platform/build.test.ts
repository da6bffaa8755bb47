import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BuildFailed, buildIfStale } from "../../supervisor/build.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const BUNDLER = `import { writeFileSync } from "node:fs";
writeFileSync(process.argv[2]!, "bundle");
`;

let projectFolder: string;
/** A project in small: one source, and a bundler that needs no bundling. */
beforeEach(async () => {
  projectFolder = await mkdtemp(join(tmpdir(), "longhaul-build-"));
  await mkdir(join(projectFolder, "domain"));
  await mkdir(join(projectFolder, "scripts"));
  await symlink(join(repository, "node_modules"), join(projectFolder, "node_modules"));
  await write("tsconfig.json", await readFile(join(repository, "tsconfig.json"), "utf8"));
  await write("tsconfig.base.json", await readFile(join(repository, "tsconfig.base.json"), "utf8"));
  await write("package.json", `{ "type": "module", "version": "1.2.3" }`);
  await write("scripts/bundle.ts", BUNDLER);
  await write("domain/words.ts", `export const WORD: string = "first";\n`);
});
afterEach(() => rm(projectFolder, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFile(join(projectFolder, name), text);
const built = (name: string) => readFile(join(projectFolder, "dist", name), "utf8");
const build = () => buildIfStale({ projectFolder, env: process.env });

describe("the build", () => {
  test("compiles, bundles the workflows and knows its version", async () => {
    expect(await build()).toBe(true);

    expect(await built("domain/words.js")).toContain(`WORD = "first"`);
    expect(await built("workflow-bundle.js")).toBe("bundle");
    expect(JSON.parse(await built("package.json"))).toMatchObject({ version: "1.2.3" });
  });

  test("does nothing when no source has changed, even when its time has", async () => {
    await build();
    await utimes(join(projectFolder, "domain/words.ts"), 1, 1);

    expect(await build()).toBe(false);
  });

  test("follows a changed source, and forgets a removed one", async () => {
    await write("domain/gone.ts", "export const GONE = 1;\n");
    await build();
    await rm(join(projectFolder, "domain/gone.ts"));
    await write("domain/words.ts", `export const WORD: string = "second";\n`);

    expect(await build()).toBe(true);
    expect(await built("domain/words.js")).toContain(`WORD = "second"`);
    await expect(built("domain/gone.js")).rejects.toThrow("ENOENT");
  });

  test("that fails says what the compiler says, and leaves the build before as it was", async () => {
    await build();
    await write("domain/words.ts", `export const WORD: number = "third";\n`);

    const failure = await build().catch((error: Error) => error);

    expect(failure).toBeInstanceOf(BuildFailed);
    expect((failure as Error).message).toMatch(/domain\/words\.ts\(1,14\): error TS2322/);
    expect(await built("domain/words.js")).toContain(`WORD = "first"`);
  });

  test("is made once by processes that start at the same time, and leaves no draft", async () => {
    await mkdir(join(projectFolder, "dist.abandoned"));

    const ends = await Promise.all([build(), build(), build()]);

    expect(ends.filter(Boolean)).toHaveLength(1);
    const names = await readdir(projectFolder);
    expect(names.filter((name) => name.startsWith("dist"))).toEqual(["dist"]);
    expect(await readdir(join(projectFolder, ".cache"))).toEqual([]);
  });
});
