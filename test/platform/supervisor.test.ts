import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { identify } from "../../platform/process-table.ts";
import type { Wanted } from "../support/stand-ins/supervisor.ts";

/** A part that writes down what happens to it, and behaves as its second argument says. */
const PART = `
import { appendFileSync } from "node:fs";
const [name, behaviour = "steady"] = process.argv.slice(2);
const note = (word) => appendFileSync(new URL("diary", import.meta.url), name + " " + word + " " + process.pid + "\\n");
note("starts");
if (behaviour === "misconfigured") { console.error("PORT: must be a number"); process.exit(78); }
process.on("message", (message) => note("hears-" + message.event));
process.on("SIGTERM", () => {
  note("ends");
  if (behaviour !== "deaf") setTimeout(() => process.exit(0), 50);
});
if (behaviour !== "deaf") process.on("disconnect", () => process.exit(0));
process.send({ type: "ready" });
if (behaviour === "frail") setTimeout(() => { console.error("Error: no heart"); process.exit(3); }, 50);
if (behaviour === "talker") setTimeout(() => process.send({ type: "longhaul/event", event: "news" }), 300);
setInterval(() => {}, 1000);
`;
const STAND_IN = fileURLToPath(new URL("../support/stand-ins/supervisor.ts", import.meta.url));

let folder: string;
let started: ChildProcess[];
beforeEach(async () => {
  started = [];
  folder = await mkdtemp(join(tmpdir(), "longhaul-supervisor-"));
  await writeFile(join(folder, "part.mjs"), PART);
  await writeFile(join(folder, "diary"), "");
});
afterEach(async () => {
  for (const child of started) child.kill("SIGKILL");
  for (const pid of await survivors()) process.kill(pid, "SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

interface Supervisor {
  process: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

const part = (name: string, behaviour = "steady", graceMs = 1_000) => ({
  name,
  graceMs,
  command: [process.execPath, join(folder, "part.mjs"), name, behaviour] as [string, ...string[]],
});

function superviseParts(...parts: Wanted["parts"]): Supervisor {
  const wanted: Wanted = { dataFolder: join(folder, "data"), parts };
  const child = spawn(process.execPath, ["--import", "tsx", STAND_IN, JSON.stringify(wanted)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  }
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { process: child, output: () => output, ended };
}

async function diary(): Promise<{ name: string; word: string; pid: number }[]> {
  const lines = (await readFile(join(folder, "diary"), "utf8")).trim().split("\n").filter(Boolean);
  return lines.map((line) => {
    const [name, word, pid] = line.split(" ") as [string, string, string];
    return { name, word, pid: Number(pid) };
  });
}

/** The parts that are still there. */
async function survivors(): Promise<number[]> {
  const pids = new Set((await diary()).map(({ pid }) => pid));
  const all = await Promise.all([...pids].map((pid) => identify(pid)));
  return all.filter((found) => found !== undefined).map(({ pid }) => pid);
}

const saying = (supervisor: Supervisor, words: string | RegExp) =>
  vi.waitFor(() => expect(supervisor.output()).toMatch(words), { timeout: 15_000 });
const starts = async (name: string) =>
  (await diary()).filter((line) => line.name === name && line.word === "starts");

describe("the supervisor", () => {
  test("starts its parts one after the other and ends them in the opposite order", async () => {
    const supervisor = superviseParts(part("temporal"), part("worker"), part("api"));
    await saying(supervisor, "up");

    supervisor.process.kill("SIGTERM");

    expect(await supervisor.ended).toBe(0);
    expect((await diary()).map(({ name, word }) => `${name} ${word}`)).toEqual([
      "temporal starts",
      "worker starts",
      "api starts",
      "api ends",
      "worker ends",
      "temporal ends",
    ]);
    expect(await readdir(join(folder, "data/run"))).toEqual([]);
  });

  test("takes a signal that comes twice, as Ctrl-C does through npm, for one", async () => {
    const supervisor = superviseParts(part("api", "deaf", 1_000));
    await saying(supervisor, "up");

    supervisor.process.kill("SIGINT");
    supervisor.process.kill("SIGINT");
    await wait(200);
    supervisor.process.kill("SIGTERM");

    expect(await supervisor.ended).toBe(0);
    expect((await diary()).filter(({ word }) => word === "ends")).toHaveLength(1);
    expect(supervisor.output()).not.toContain("by force");
  });

  test("ends at once, by force, when a signal comes again later", async () => {
    const supervisor = superviseParts(part("api", "deaf", 60_000));
    await saying(supervisor, "up");

    supervisor.process.kill("SIGINT");
    await wait(2_100);
    supervisor.process.kill("SIGINT");

    expect(await supervisor.ended).toBe(1);
    expect(supervisor.output()).toContain("Ended by force");
    expect(await survivors()).toEqual([]);
  });

  test("kills a part that does not end in its time", async () => {
    const supervisor = superviseParts(part("worker", "deaf", 300));
    await saying(supervisor, "up");

    supervisor.process.kill("SIGTERM");

    expect(await supervisor.ended).toBe(0);
    expect(await survivors()).toEqual([]);
  });

  test("starts a part that dies again, with growing pauses, and says so", async () => {
    const supervisor = superviseParts(part("api"), part("worker", "frail"));

    await saying(supervisor, /worker ended \(3: Error: no heart\) and starts again in 0\.05 s/);
    await saying(supervisor, "worker is back.");
    await saying(supervisor, "starts again in 0.1 s");
    await saying(supervisor, "starts again in 0.2 s");

    expect((await starts("worker")).length).toBeGreaterThan(2);
    expect(await starts("api")).toHaveLength(1);
  });

  test("puts a part behind the others, as often as it starts", async () => {
    const supervisor = superviseParts(part("api"), { ...part("worker"), niceness: 3 });
    await saying(supervisor, "up");
    const [api] = await starts("api");
    const [first] = await starts("worker");

    process.kill(first!.pid, "SIGKILL");
    await saying(supervisor, "worker is back.");

    const [, second] = await starts("worker");
    const usual = getPriority(api!.pid);
    expect(usual).toBe(getPriority(supervisor.process.pid));
    expect(getPriority(second!.pid)).toBe(Math.min(19, usual + 3));
    if (!existsSync("/proc/self/autogroup")) return;
    const group = await readFile(`/proc/${second!.pid}/autogroup`, "utf8");
    expect(group).toContain("nice 3\n");
  });

  test("starts a part that was killed again", async () => {
    const supervisor = superviseParts(part("worker"));
    await saying(supervisor, "up");
    const [first] = await starts("worker");

    process.kill(first!.pid, "SIGKILL");

    await saying(supervisor, /worker ended \(SIGKILL\)/);
    await saying(supervisor, "worker is back.");
    expect(await starts("worker")).toHaveLength(2);
  });

  test("does not start a part again that ends with 78: it shows why, and ends with 78 itself", async () => {
    const supervisor = superviseParts(part("worker"), part("api", "misconfigured"));

    expect(await supervisor.ended).toBe(78);
    expect(supervisor.output()).toContain("PORT: must be a number");
    expect(await starts("api")).toHaveLength(1);
    expect(await survivors()).toEqual([]);
  });

  test("carries an event of one part to the others, and not back", async () => {
    const supervisor = superviseParts(part("api"), part("worker"), part("teller", "talker"));

    await vi.waitFor(async () => {
      const heard = (await diary()).filter(({ word }) => word === "hears-news");
      expect(heard.map(({ name }) => name).sort()).toEqual(["api", "worker"]);
    }, 10_000);
    supervisor.process.kill("SIGTERM");
    await supervisor.ended;
    expect(
      (await diary()).filter(({ name, word }) => name === "teller" && word === "hears-news"),
    ).toEqual([]);
  }, 20_000);

  test("takes its parts along when it is killed, those that know nothing of it too", async () => {
    const sleeper: Wanted["parts"][number] = {
      name: "temporal",
      graceMs: 500,
      tethered: true,
      command: ["sh", "-c", `echo "temporal starts $$" >> ${folder}/diary; exec sleep 600`],
    };
    const supervisor = superviseParts(sleeper, part("api"));
    await saying(supervisor, "up");
    await vi.waitFor(async () => expect(await diary()).toHaveLength(2), 20_000);

    supervisor.process.kill("SIGKILL");

    await vi.waitFor(async () => {
      expect(await survivors()).toEqual([]);
    }, 5_000);
  }, 20_000);

  test("ends what a killed one left behind before it starts its own", async () => {
    const killed = superviseParts(part("worker", "deaf"));
    await saying(killed, "up");
    const [stray] = await starts("worker");
    killed.process.kill("SIGKILL");
    await killed.ended;
    expect(await survivors()).toEqual([stray!.pid]);

    const next = superviseParts(part("worker"));
    await saying(next, "up");

    expect(await survivors()).not.toContain(stray!.pid);
    expect(await starts("worker")).toHaveLength(2);
  });

  test("is alone in its data folder, and a second one names it", async () => {
    const first = superviseParts(part("api"));
    await saying(first, "up");

    const second = superviseParts(part("api"));

    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(`as process ${first.process.pid}`);
    expect(await starts("api")).toHaveLength(1);
  });

  test("keeps what its parts write in a log of each, and the one before", async () => {
    const first = superviseParts(part("api", "misconfigured"));
    await first.ended;
    const second = superviseParts(part("api", "misconfigured"));
    await second.ended;

    expect((await readdir(join(folder, "data/logs"))).sort()).toEqual(["api.log", "api.log.1"]);
    expect(await readFile(join(folder, "data/logs/api.log"), "utf8")).toBe(
      "PORT: must be a number\n",
    );
  });
});
