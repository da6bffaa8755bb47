import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openShell, ToolMissing, type Shell, type ToolRun } from "../../platform/shell.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longhaul-shell-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (given: Partial<Parameters<typeof openShell>[0]> = {}) =>
  openShell({ scratchFolder: join(folder, "scratch"), runFolder: join(folder, "run"), ...given });

/** Runs a script of /bin/sh and answers how it ended and what it said. */
async function runScript(shell: Shell, script: string, more: Partial<ToolRun> = {}) {
  return shell.withScratch("test", async (directory) => {
    const lines: string[] = [];
    const onLine = (line: string) => lines.push(line);
    const tool = { command: "sh", args: ["-c", script], directory, timeoutMs: 60_000, onLine };
    const end = await shell.run({ ...tool, ...more });
    return { ...end, lines, files: await readdir(directory) };
  });
}

/** Another process with a shell on the same folders, in which a script runs. */
function startOwner(script: string, more: Partial<Parameters<typeof openShell>[0]> = {}) {
  const settings = { scratchFolder: join(folder, "scratch"), runFolder: join(folder, "run") };
  const program = `
    import { openShell } from "./platform/shell.ts";
    const shell = await openShell(${JSON.stringify({ ...settings, ...more })});
    await shell.withScratch("owned", (directory) => shell.run({ command: "sh",
      args: ["-c", ${JSON.stringify(script)}], directory, timeoutMs: 600_000 }));`;
  const args = ["--import", "tsx", "--input-type=module", "-e", program];
  return spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
}

/** A sleep that no other test has, and how many processes show it as an argument. */
const uniqueSleep = () => `${1000 + Math.random() * 1000}`;
async function running(word: string): Promise<number> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")),
  );
  return commands.filter((command) => command.split("\0").includes(word)).length;
}
const gone = (word: string) =>
  vi.waitFor(async () => expect(await running(word)).toBe(0), { timeout: 10_000 });

const probe = await mkdtemp(join(tmpdir(), "longhaul-shell-"));
const { sandbox } = await openShell({ scratchFolder: probe, runFolder: probe });
await rm(probe, { recursive: true });

const FENCES = sandbox === "bubblewrap" ? (["bubblewrap", "none"] as const) : (["none"] as const);

describe.each(FENCES)("a tool with sandbox %s", (fence) => {
  const settings = fence === "none" ? { sandbox: fence } : {};
  const openFenced = () => open(settings);

  test("runs in its scratch folder, with its arguments as they are", async () => {
    const shell = await openFenced();
    const args = [
      "-c",
      'pwd; printf "%s\\n" "$@"; echo err >&2',
      "sh",
      "a b",
      "$HOME",
      "--x=';\n'",
    ];

    const { lines, ...end } = await runScript(shell, "", { args });

    expect(shell.sandbox).toBe(fence);
    expect(end).toMatchObject({ exitCode: 0, signal: null, ended: "by-itself" });
    expect(lines.filter((line) => line !== "err").slice(1)).toEqual([
      "a b",
      "$HOME",
      "--x=';",
      "'",
    ]);
    expect(lines[0]).toContain(join(folder, "scratch"));
    expect(lines).toContain("err");
  });

  test("sees nothing of our environment but what it is given", async () => {
    vi.stubEnv("SECRET_KEY", "do-not-tell");
    const shell = await openFenced();

    const { lines } = await runScript(shell, "env", { env: { STORE_PASSWORD: "for-this-tool" } });

    vi.unstubAllEnvs();
    expect(lines.join("\n")).not.toContain("do-not-tell");
    expect(lines).toContain("STORE_PASSWORD=for-this-tool");
    const ofTheShell = /^(OLDPWD|PWD|SHLVL|_)$/;
    const names = lines.map((line) => line.split("=")[0]!).filter((name) => !ofTheShell.test(name));
    expect(new Set(names)).toEqual(
      new Set(["HOME", "LANG", "LONGHAUL_TOOL", "PATH", "STORE_PASSWORD", "TMPDIR", "TZ"]),
    );
  });

  test("reads an empty input", async () => {
    const { lines, exitCode } = await runScript(await openFenced(), "cat; echo read");

    expect({ lines, exitCode }).toEqual({ lines: ["read"], exitCode: 0 });
  });

  test("may end well and say nothing", async () => {
    const end = await runScript(await openFenced(), "true");

    expect(end).toMatchObject({ exitCode: 0, ended: "by-itself", lines: [], files: [] });
  });

  test("shows its exit code, or the signal that it died of", async () => {
    const shell = await openFenced();

    expect(await runScript(shell, "exit 7")).toMatchObject({ exitCode: 7, signal: null });
    expect(await runScript(shell, "kill -SEGV $$")).toMatchObject({
      exitCode: null,
      signal: "SIGSEGV",
      ended: "by-itself",
    });
  });

  test("that hangs is asked to stop when its time is up, and may say goodbye", async () => {
    const script = "trap 'echo bye; exit 3' TERM; echo on; sleep 60 & wait";

    const end = await runScript(await openFenced(), script, { timeoutMs: 1000 });

    expect(end).toMatchObject({ exitCode: 3, ended: "timed-out", lines: ["on", "bye"] });
  });

  test("that does not listen to SIGTERM is killed with all its children", async () => {
    const sleep = uniqueSleep();
    const script = `trap '' TERM; sleep ${sleep} & while :; do sleep ${sleep}; done`;

    const end = await runScript(await openFenced(), script, { timeoutMs: 500, killAfterMs: 300 });

    expect(end).toMatchObject({ exitCode: null, signal: "SIGKILL", ended: "timed-out" });
    await gone(sleep);
  });

  test("ends when nobody wants it any more", async () => {
    const sleep = uniqueSleep();
    const cancellation = new AbortController();
    const onLine = () => cancellation.abort();

    const end = await runScript(await openFenced(), `echo on; exec sleep ${sleep}`, {
      signal: cancellation.signal,
      onLine,
    });

    expect(end).toMatchObject({ exitCode: null, signal: "SIGTERM", ended: "cancelled" });
    await gone(sleep);
  });

  test("is not started when nobody wants it from the beginning", async () => {
    const end = await runScript(await openFenced(), "echo on", { signal: AbortSignal.abort() });

    expect(end).toMatchObject({ exitCode: null, signal: null, ended: "cancelled", lines: [] });
  });

  test("leaves no child behind, not even one in a session of its own that holds the output open", async () => {
    const sleep = uniqueSleep();
    const script = `sleep ${sleep} & (setsid sh -c 'setsid sleep ${sleep} & exec sleep ${sleep}' &) ; sleep 0.3; echo done`;

    const end = await runScript(await openFenced(), script);

    expect(end).toMatchObject({ exitCode: 0, lines: ["done"] });
    await gone(sleep);
  });

  test("that writes 1 GiB is read to its end, and neither memory nor other work suffers", async () => {
    const shell = await openFenced();
    const before = process.memoryUsage().rss;
    let turns = 0;
    const clock = setInterval(() => turns++, 10);
    let kept = 0;
    let last = "";

    const end = await runScript(shell, "yes | head -c 1G; echo; echo the end", {
      onLine: (line) => ([kept, last] = [kept + line.length + 1, line]),
    });

    clearInterval(clock);
    expect(end).toMatchObject({ exitCode: 0, ended: "by-itself" });
    expect(last).toBe("the end");
    expect(kept).toBeLessThan(128 * 1024 * 1024);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
    expect(turns).toBeGreaterThan(10);
  });

  test("goes on when its lines cannot be taken", async () => {
    const onLine = () => {
      throw new Error("the log is broken");
    };

    const end = await runScript(await openFenced(), "echo one; echo two; exit 5", { onLine });

    expect(end).toMatchObject({ exitCode: 5, ended: "by-itself" });
  });

  test("that is not installed is named in the error", async () => {
    const shell = await openFenced();

    await expect(runScript(shell, "", { command: "no-such-tool" })).rejects.toThrow(
      new ToolMissing("no-such-tool"),
    );
    await expect(runScript(shell, "", { command: join(folder, "none") })).rejects.toThrow(
      ToolMissing,
    );
  });

  test("may be installed in a folder of its own", async () => {
    await writeFile(join(folder, "my-tool"), "#!/bin/sh\necho mine $1\n", { mode: 0o755 });

    const end = await runScript(await openFenced(), "", {
      command: join(folder, "my-tool"),
      args: ["x"],
    });

    expect(end).toMatchObject({ exitCode: 0, lines: ["mine x"] });
  });

  test("ends when its owner is killed, and its scratch folder with the next start", async () => {
    const sleep = uniqueSleep();
    const owner = startOwner(`sleep ${sleep} & exec sleep ${sleep}`, settings);
    await vi.waitFor(async () => expect(await running(sleep)).toBeGreaterThan(1), 20_000);

    owner.kill("SIGKILL");
    await once(owner, "exit");
    await openFenced();

    await gone(sleep);
    const [left] = await readdir(join(folder, "scratch"));
    expect(left).toMatch(new RegExp(`^${process.pid}-`));
    expect(await readdir(join(folder, "run"))).toEqual([]);
  });
});

describe("a scratch folder", () => {
  test("is private, and removed when its work is done", async () => {
    const shell = await open();
    let seen = "";

    const answer = await shell.withScratch("work/../1", async (directory) => {
      seen = directory;
      expect((await stat(directory)).mode & 0o777).toBe(0o700);
      await mkdir(join(directory, "deep"), { mode: 0o500 });
      return "done";
    });

    expect(answer).toBe("done");
    expect(seen).toContain(join(folder, "scratch"));
    await expect(stat(seen)).rejects.toThrow("ENOENT");
  });

  test("is removed when its work fails", async () => {
    const shell = await open();
    let seen = "";

    const work = shell.withScratch("work", (directory) => {
      seen = directory;
      return Promise.reject(new Error("broken"));
    });

    await expect(work).rejects.toThrow("broken");
    await expect(stat(seen)).rejects.toThrow("ENOENT");
  });
});

describe("a shell", () => {
  test("finds programs on its path, and nothing else", async () => {
    await mkdir(join(folder, "programs", "folder"), { recursive: true });
    await writeFile(join(folder, "programs", "text"), "", { mode: 0o644 });
    await symlink("/bin/sh", join(folder, "programs", "shell"));
    const shell = await open({ path: `relative:${join(folder, "programs")}` });

    expect(await shell.find("shell")).toBe(join(folder, "programs", "shell"));
    expect(await shell.find("/bin/sh")).toBe("/bin/sh");
    for (const none of ["sh", "text", "folder", "./shell", "", "/bin"]) {
      expect(await shell.find(none)).toBeUndefined();
    }
  });

  test("ends at its start what outlived a killed owner on a machine that has no tether", async () => {
    const programs = join(folder, "programs");
    await mkdir(programs);
    for (const name of ["sh", "sleep", "setsid"])
      await symlink((await (await open()).find(name))!, join(programs, name));
    const sleep = uniqueSleep();
    const owner = startOwner(`setsid sleep ${sleep} & sleep ${sleep} & exec sleep ${sleep}`, {
      path: programs,
      sandbox: "none",
    });
    await vi.waitFor(async () => expect(await running(sleep)).toBe(3), 20_000);
    await vi.waitFor(
      async () => expect(await readdir(join(folder, "run"))).toHaveLength(1),
      20_000,
    );
    owner.kill("SIGKILL");
    await once(owner, "exit");
    await delay(100);
    expect(await running(sleep)).toBe(3);

    const log = vi.fn();
    await open({ log });

    await gone(sleep);
    expect(log).toHaveBeenCalledWith("ended tools that a dead process left", { count: 1 });
  });
});

describe.skipIf(sandbox === "none")(
  "behind bubblewrap, a tool (needs a bwrap that works here)",
  () => {
    test("ends with its owner at once, with whatever it started", async () => {
      const sleep = uniqueSleep();
      const owner = startOwner(`setsid sleep ${sleep} & sleep ${sleep} & exec sleep ${sleep}`);
      await vi.waitFor(async () => expect(await running(sleep)).toBe(3), 20_000);

      owner.kill("SIGKILL");

      await gone(sleep);
    });

    test("writes nowhere but in its scratch folder", async () => {
      const script = `for place in / /etc /usr /bin "$TMPDIR/.."; do touch $place/x 2>/dev/null && echo $place; done; touch own; exit 0`;

      const { lines, files } = await runScript(await open(), script);

      expect(lines.filter((line) => !line.startsWith(folder))).toEqual([]);
      expect(files).toEqual(["own"]);
      expect(await readdir(join(folder, "scratch"))).toHaveLength(1);
    });

    test("sees neither our keys, nor other scratch folders, nor what runs beside it", async () => {
      await mkdir(join(folder, "keys"));
      await writeFile(join(folder, "keys", "secret-key"), "do-not-tell");
      const shell = await open({ hidden: [folder] });

      const { lines } = await shell.withScratch("other", () =>
        runScript(
          shell,
          `cat ${folder}/keys/*; ls ${folder} ${folder}/scratch/*; ls -d /proc/[0-9]* | wc -l; cat /etc/shadow; ls ~root`,
        ),
      );

      const said = lines.join("\n");
      expect(said).not.toContain("do-not-tell");
      expect(said).not.toContain("other");
      expect(lines).toContain("scratch");
      expect(lines).not.toContain("keys");
      expect(Number(lines.find((line) => /^\d+$/.test(line.trim())))).toBeLessThan(6);
      expect(said).toMatch(/\/etc\/shadow: No such file/);
    });

    test("sees what it may read, and cannot change it", async () => {
      await writeFile(join(folder, "input"), "given");
      const shell = await open({ hidden: [folder] });

      const { lines } = await runScript(
        shell,
        `cat ${folder}/input; echo; echo x > ${folder}/input`,
        {
          readable: [join(folder, "input")],
        },
      );

      expect(lines[0]).toBe("given");
      expect(await readFile(join(folder, "input"), "utf8")).toBe("given");
    });

    test.skipIf(process.getuid?.() !== 0)(
      "does not see a data folder that lies among programs (needs root)",
      async () => {
        const data = await mkdtemp("/opt/longhaul-shell-");
        await writeFile(join(data, "key"), "do-not-tell");
        const settings = { scratchFolder: join(data, "scratch"), runFolder: join(data, "run") };
        const shell = await openShell({ ...settings, hidden: [data] });

        const { lines, files } = await runScript(shell, `ls ${data}; touch ${data}/x; touch own`);

        await rm(data, { recursive: true });
        expect(lines).toContain("scratch");
        expect(lines).not.toContain("key");
        expect(lines.join()).toMatch(/cannot touch .*Read-only/);
        expect(files).toEqual(["own"]);
      },
    );

    test("has no network unless it is given", async () => {
      const shell = await open();
      const script =
        "ls /sys/class/net 2>/dev/null; cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '";

      const without = await runScript(shell, script);
      const within = await runScript(shell, script, { network: true });

      const ours = (await readFile("/proc/net/dev", "utf8")).split("\n").slice(2, -1);
      expect(without.lines).toEqual(["lo"]);
      expect(within.lines).toEqual(ours.map((line) => line.split(":")[0]!.trim()));
    });
  },
);
