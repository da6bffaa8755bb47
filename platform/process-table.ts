import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

/** One process and no other: a later process with the same id has another `startedAt`. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in the system's own terms: `[0-9a-z-]+`, to be compared only. */
  startedAt: string;
}

/** A child that must not outlive its owner. */
export interface RecordedProcess {
  /** The leader of its own process group. */
  pid: number;
  command: string;
  /** A `NAME=value` of its environment that only it and its descendants have: finds those that left the group. */
  mark?: string;
}

type ProcessRecord = ProcessIdentity &
  Omit<RecordedProcess, "pid"> & {
    owner: ProcessIdentity;
  };

interface ProcessFacts extends ProcessIdentity {
  parent: number;
  group: number;
}

/** Who we are. */
export async function thisProcess(): Promise<ProcessIdentity> {
  const self = await identify(process.pid);
  if (!self) throw new Error("the process table cannot be read: neither /proc nor ps works here");
  return self;
}

/** The process that has this id now; undefined when there is none or it has ended. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const facts = process.platform === "linux" ? await readProc(pid) : await askPs(pid);
  return facts && { pid, startedAt: facts.startedAt };
}

/** Whether exactly this process still runs. One that has ended and was not yet waited for does not. */
export async function isAlive({ pid, startedAt }: ProcessIdentity): Promise<boolean> {
  return (await identify(pid))?.startedAt === startedAt;
}

/** Signals a process group; answers false when there is none (any more). */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}

/** The processes of a group; empty where the system has no /proc. */
export async function groupMembers(group: number): Promise<ProcessFacts[]> {
  const all = await Promise.all((await processIds()).map(readProc));
  return all.filter((facts) => facts?.group === group) as ProcessFacts[];
}

/** Ends every process whose environment has this `NAME=value`, wherever it went; answers how many. */
export async function endMarked(mark: string): Promise<number> {
  let ended = 0;
  // A process may fork while the table is read, so look again until nothing was found.
  for (let pass = 0, found = 1; found > 0 && pass < 10; pass++) {
    found = 0;
    for (const pid of await processIds()) {
      if (!(await environmentOf(pid)).includes(`\0${mark}\0`)) continue;
      if (kill(pid)) found++;
    }
    ended += found;
  }
  return ended;
}

/** Writes down a child of ours until the returned function is called. */
export async function recordProcess(
  runFolder: string,
  { pid, ...rest }: RecordedProcess,
): Promise<() => Promise<void>> {
  const child = await identify(pid);
  if (!child) return () => Promise.resolve();
  const record: ProcessRecord = { ...child, ...rest, owner: await thisProcess() };
  const file = join(runFolder, `${pid}.json`);
  const fresh = await writeAside(runFolder, JSON.stringify(record));
  await rename(fresh, file);
  return () => rm(file, { force: true });
}

/**
 * Ends what dead owners left running, and forgets it. Process ids of one `runFolder` must mean the same
 * to all who use it: one machine, or one container.
 */
export async function endStrays(runFolder: string): Promise<ProcessIdentity[]> {
  await mkdir(runFolder, { recursive: true, mode: 0o700 });
  const ended: ProcessIdentity[] = [];
  for (const name of await readdir(runFolder)) {
    if (!/\.(json|new)$/.test(name)) continue;
    const text = await readFile(join(runFolder, name), "utf8").catch(() => "");
    const record = parseJson(text) as ProcessRecord | undefined;
    if (!record || (await isAlive(record.owner ?? record))) continue;
    if (name.endsWith(".json") && (await endStray(record)))
      ended.push({ pid: record.pid, startedAt: record.startedAt });
    await rm(join(runFolder, name), { force: true });
  }
  return ended;
}

async function endStray(record: ProcessRecord): Promise<boolean> {
  const led = (await isAlive(record)) && (signalGroup(record.pid, "SIGKILL") || kill(record.pid));
  const marked = record.mark ? await endMarked(record.mark) : 0;
  for (let waited = 0; waited < 2000 && (await isAlive(record)); waited += 20) await delay(20);
  return led || marked > 0;
}

/** The exclusive right to a name in a folder; gone with the process that holds it. */
export interface Claim {
  release(): Promise<void>;
}

type ClaimFile = ProcessIdentity & { claim: string };

/**
 * Claims `name` in `runFolder`, or says who holds it. Exactly one of any number of claimants succeeds, also
 * when they take over from a dead holder at the same moment: whoever removes a dead claim must first hold
 * the claim on removing just that one.
 */
export async function claimFolder(
  runFolder: string,
  name: string,
): Promise<Claim | { heldBy: number }> {
  await mkdir(runFolder, { recursive: true, mode: 0o700 });
  const file = join(runFolder, `${name}.claim`);
  const mine: ClaimFile = { ...(await thisProcess()), claim: randomUUID() };
  const fresh = await writeAside(runFolder, JSON.stringify(mine));
  try {
    while (!(await linked(fresh, file))) {
      const holder = await readClaim(file);
      if (!holder) continue;
      if (await isAlive(holder)) return { heldBy: holder.pid };
      await removeDeadClaim(runFolder, file, holder.claim);
    }
    return { release: once(() => rm(file, { force: true })) };
  } finally {
    await rm(fresh, { force: true });
  }
}

async function removeDeadClaim(runFolder: string, file: string, claim: string): Promise<void> {
  const removal = await claimFolder(runFolder, claim);
  if ("heldBy" in removal) return delay(5);
  const holder = await readClaim(file);
  if (holder?.claim === claim) await rm(file, { force: true });
  await removal.release();
}

/** A file that is no claim counts as a dead holder's; undefined when there is no file. */
async function readClaim(file: string): Promise<ClaimFile | undefined> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (text === undefined) return undefined;
  const holder = parseJson(text) as ClaimFile | undefined;
  return holder ?? { pid: 0, startedAt: "", claim: "unreadable" };
}

/** Released twice, a claim must not take away the next holder's. */
function once(release: () => Promise<void>): () => Promise<void> {
  let released: Promise<void> | undefined;
  return () => (released ??= release());
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Under its final name a file is whole or absent, also after a power cut. */
async function writeAside(runFolder: string, text: string): Promise<string> {
  const file = join(runFolder, `${randomUUID()}.new`);
  await writeFile(file, text, { mode: 0o600, flush: true });
  return file;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}

async function processIds(): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

async function environmentOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
  return `\0${text}`;
}

/** proc(5): after the command in parentheses come state, parent, group …, and as field 22 the start in ticks since boot. */
async function readProc(pid: number): Promise<ProcessFacts | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  const [state, parent, group, ...rest] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = rest[16];
  if (!ticks || state === "Z" || state === "X") return undefined;
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "latin1").catch(() => "");
  const startedAt = `${ticks}-${boot.slice(0, 8)}`;
  return { pid, startedAt, parent: Number(parent), group: Number(group) };
}

async function askPs(pid: number): Promise<{ startedAt: string } | undefined> {
  const env = { PATH: "/bin:/usr/bin", LC_ALL: "C", TZ: "UTC" };
  const asked = promisify(execFile)("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { env });
  const { stdout } = await asked.catch(() => ({ stdout: "" }));
  const [state, ...started] = stdout.trim().split(/\s+/);
  if (!state || state.startsWith("Z")) return undefined;
  return { startedAt: String(Date.parse(started.join(" "))) };
}
