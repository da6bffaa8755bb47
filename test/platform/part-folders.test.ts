import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openPartFolders, type PartFolders } from "../../platform/part-folders.ts";
import { identify, isAlive, recordProcess } from "../../platform/process-table.ts";
import { until } from "../support/until.ts";

const NEVER = new AbortController().signal;

let folder: string;
let parts: PartFolders;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longhaul-parts-"));
  parts = await openPartFolders(join(folder, "parts"), join(folder, "run"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("what is left in a folder is there for the next one, until it is removed", async () => {
  await parts.within("one", NEVER, (path) => writeFile(join(path, "half"), "half"));

  const found = await parts.within("one", NEVER, (path) => readFile(join(path, "half"), "utf8"));
  const listed = await parts.list();
  await parts.remove("one", NEVER);
  await parts.remove("one", NEVER);

  expect([found, listed]).toEqual(["half", ["one"]]);
  expect(await parts.list()).toEqual([]);
  expect(await readdir(join(folder, "run"))).toEqual([]);
});

test("one is in a folder at a time; who is not wanted any more waits no longer", async () => {
  const turns: string[] = [];
  let leave = () => {};
  const first = parts.within("one", NEVER, async () => {
    turns.push("first in");
    await new Promise<void>((resolve) => (leave = resolve));
    turns.push("first out");
  });
  await until(() => turns.length === 1);
  const second = parts.within("one", NEVER, async () => void turns.push("second"));
  const impatient = parts.within("one", AbortSignal.timeout(50), async () => void turns.push("no"));
  await expect(impatient).rejects.toThrow(/abort/i);
  await parts.within("other", NEVER, async () => void turns.push("other"));

  leave();
  await Promise.all([first, second]);

  expect(turns).toEqual(["first in", "other", "first out", "second"]);
});

test("a tool whose process was killed is ended before anybody goes on in its folder", async () => {
  await mkdir(join(folder, "run"));
  const tool = spawn("sleep", ["600"], { detached: true, stdio: "ignore" });
  const identity = (await identify(tool.pid!))!;
  await recordProcess(join(folder, "run"), { pid: tool.pid!, command: "sleep" });
  // Its owner is this process: let it look as if that had died.
  const [name] = await readdir(join(folder, "run"));
  const file = join(folder, "run", name!);
  const record = JSON.parse(await readFile(file, "utf8")) as { owner: { startedAt: string } };
  record.owner.startedAt = "1-dead";
  await writeFile(file, JSON.stringify(record));

  const wasAlive = await parts.within("one", NEVER, () => isAlive(identity));

  expect(wasAlive).toBe(false);
});

test("a name that leads elsewhere is none", async () => {
  await expect(parts.within("../one", NEVER, async () => {})).rejects.toThrow(/no such name/);
});
