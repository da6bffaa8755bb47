import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  claimFolder,
  endStrays,
  identify,
  isAlive,
  recordProcess,
  thisProcess,
  type ProcessIdentity,
} from "../../platform/process-table.ts";

let folder: string;
let started: ChildProcess[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longhaul-run-"));
  started = [];
});
afterEach(async () => {
  for (const child of started) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

function start(command: string, args: string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(command, args, { detached: true, stdio: "ignore", env });
  started.push(child);
  return child;
}

/** A process that has run and is gone. */
async function startDead(): Promise<ProcessIdentity> {
  const child = start("/bin/sleep", ["60"]);
  const identity = (await identify(child.pid!))!;
  child.kill("SIGKILL");
  await once(child, "exit");
  return identity;
}

/** Writes down `pid` as a child of `owner`. */
async function record(owner: ProcessIdentity, child: ProcessIdentity, mark?: string) {
  const file = join(folder, `${child.pid}.json`);
  await writeFile(file, JSON.stringify({ ...child, command: "sleep", mark, owner }));
}

describe("a process", () => {
  test("is known by its start, so that a later one with the same id is another", async () => {
    const child = start("/bin/sleep", ["60"]);
    const identity = (await identify(child.pid!))!;

    expect(identity.startedAt).toMatch(/^[0-9a-z-]+$/);
    expect(await isAlive(identity)).toBe(true);
    expect(await isAlive({ ...identity, startedAt: "1-later" })).toBe(false);
  });

  test("that has ended is not alive", async () => {
    expect(await isAlive(await startDead())).toBe(false);
  });

  test("that has ended and was not waited for is not alive", async () => {
    const parent = start("/bin/sh", [
      "-c",
      "sleep 0.01 & echo $! > $0; exec sleep 60",
      join(folder, "pid"),
    ]);
    const pid = await vi.waitFor(async () => {
      const pid = Number(await readFile(join(folder, "pid"), "utf8"));
      expect(pid).toBeGreaterThan(0);
      return pid;
    }, 20_000);

    await vi.waitFor(async () => expect(await identify(pid)).toBeUndefined(), 20_000);
    expect(await isAlive((await identify(parent.pid!))!)).toBe(true);
  });
});

describe("strays", () => {
  test("of a dead owner are ended and forgotten", async () => {
    const child = start("/bin/sleep", ["60"]);
    const identity = (await identify(child.pid!))!;
    await record(await startDead(), identity);

    const ended = await endStrays(folder);

    expect(ended).toEqual([identity]);
    expect(await isAlive(identity)).toBe(false);
    expect(await readdir(folder)).toEqual([]);
  });

  test("take their whole group with them", async () => {
    const pidFile = join(folder, "pid");
    const child = start("/bin/sh", ["-c", "sleep 60 & echo $! > $0; wait", pidFile]);
    const member = await vi.waitFor(async () => {
      const pid = Number(await readFile(pidFile, "utf8"));
      return (await identify(pid))!;
    }, 20_000);
    await record(await startDead(), (await identify(child.pid!))!);

    await endStrays(folder);

    await vi.waitFor(async () => expect(await isAlive(member)).toBe(false), 20_000);
  });

  test("are found by their mark when their leader is dead and they have left the group", async () => {
    const leader = await startDead();
    const stray = start("/bin/sleep", ["60"], { RUN_MARK: folder });
    const identity = (await identify(stray.pid!))!;
    await record(await startDead(), leader, `RUN_MARK=${folder}`);

    await endStrays(folder);

    await vi.waitFor(async () => expect(await isAlive(identity)).toBe(false), 20_000);
  });

  test("leave a process alone that merely got the id of one that was written down", async () => {
    const stranger = start("/bin/sleep", ["60"]);
    const identity = (await identify(stranger.pid!))!;
    await record(await startDead(), { ...identity, startedAt: "1-earlier" });

    const ended = await endStrays(folder);

    expect(ended).toEqual([]);
    expect(await isAlive(identity)).toBe(true);
    expect(await readdir(folder)).toEqual([]);
  });

  test("are not what a living owner runs", async () => {
    const child = start("/bin/sleep", ["60"]);
    const forget = await recordProcess(folder, { pid: child.pid!, command: "sleep" });

    const ended = await endStrays(folder);

    expect(ended).toEqual([]);
    expect(await isAlive((await identify(child.pid!))!)).toBe(true);
    expect(await readdir(folder)).toEqual([`${child.pid}.json`]);
    await forget();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("a claim", () => {
  test("is held by one, who is named to all others", async () => {
    const claim = await claimFolder(folder, "supervisor");

    expect(claim).toHaveProperty("release");
    expect(await claimFolder(folder, "supervisor")).toEqual({ heldBy: process.pid });
    expect(await claimFolder(folder, "build")).toHaveProperty("release");
  });

  test("is free once it is released, and releasing it twice takes it from nobody", async () => {
    const first = await claimFolder(folder, "supervisor");
    if ("heldBy" in first) throw new Error("held");

    await first.release();
    const second = await claimFolder(folder, "supervisor");
    await first.release();

    expect(second).toHaveProperty("release");
    expect(await claimFolder(folder, "supervisor")).toEqual({ heldBy: process.pid });
  });

  test.each([
    ["a dead holder", async () => JSON.stringify({ ...(await startDead()), claim: "old" })],
    [
      "an earlier process with our id",
      async () => JSON.stringify({ ...(await thisProcess()), startedAt: "1-x", claim: "old" }),
    ],
    ["a file cut short", async () => ""],
  ])("of %s goes to exactly one of many who ask at once", async (_, content) => {
    await writeFile(join(folder, "supervisor.claim"), await content());

    const answers = await Promise.all(
      Array.from({ length: 20 }, () => claimFolder(folder, "supervisor")),
    );

    expect(answers.filter((answer) => "release" in answer)).toHaveLength(1);
    expect(await readdir(folder)).toEqual(["supervisor.claim"]);
  });

  test("goes to exactly one of many processes, round after round of kill -9", async () => {
    const program = `
      import { claimFolder } from "./platform/process-table.ts";
      process.send(await claimFolder(${JSON.stringify(folder)}, "supervisor"));
      setInterval(() => {}, 1000);`;
    for (let round = 0; round < 3; round++) {
      const claimants = Array.from({ length: 4 }, () =>
        spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
          stdio: ["ignore", "inherit", "inherit", "ipc"],
        }),
      );
      started.push(...claimants);
      const answers = await Promise.all(
        claimants.map(async (child) => (await once(child, "message"))[0] as object),
      );

      expect(answers.filter((answer) => !("heldBy" in answer))).toHaveLength(1);

      const ends = claimants.map((child) => once(child, "exit"));
      for (const child of claimants) child.kill("SIGKILL");
      await Promise.all(ends);
    }
  });
});
