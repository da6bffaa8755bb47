import { execFile } from "node:child_process";
import { readdir, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import { promisify } from "node:util";

/** What a fence must know of a run. */
export interface Fenced {
  /** Absolute path of the program. */
  command: string;
  args: readonly string[];
  directory: string;
  readable?: readonly string[];
  network?: boolean;
}

/** What keeps a tool in, and lets it die with us. */
export interface Fence {
  kind: "bubblewrap" | "none";
  /** The argument array that runs the tool behind the fence. */
  wrap(run: Fenced): Promise<string[]>;
}

/** Where to look for the fence, and what no tool may see. */
export interface FenceSettings {
  find: (command: string) => Promise<string | undefined>;
  /** Folders that stay hidden but for a run's own `directory` and `readable`. */
  hidden: readonly string[];
  /** An existing folder to try the fence with. */
  trialFolder: string;
  environment: Record<string, string>;
}

/** Installed programs. /etc is not among them: it holds other people's secrets. */
const PROGRAM_FOLDERS = [
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/opt",
  "/nix/store",
  "/gnu/store",
];

const SETTINGS = [
  "/etc/alternatives",
  "/etc/ca-certificates",
  "/etc/fonts",
  "/etc/group",
  "/etc/ld.so.cache",
  "/etc/ld.so.conf",
  "/etc/ld.so.conf.d",
  "/etc/localtime",
  "/etc/mime.types",
  "/etc/nsswitch.conf",
  "/etc/passwd",
  "/etc/pki/ca-trust",
  "/etc/pki/java",
  "/etc/pki/tls/certs",
  "/etc/ssl/certs",
  "/etc/ssl/openssl.cnf",
];

const NETWORK_SETTINGS = ["/etc/hosts", "/etc/resolv.conf", "/etc/services", "/etc/gai.conf"];

interface Mount {
  path: string;
  how: "hide" | "read" | "write";
}

/** Runs a tool as it is; where the machine has setpriv, the tool (not its children) dies with us. */
export async function openGround({ find }: Pick<FenceSettings, "find">): Promise<Fence> {
  const tether = await findTether(find);
  return { kind: "none", wrap: async ({ command, args }) => [...tether, command, ...args] };
}

/** The bubblewrap fence, tried once; or the reason why there is none. */
export async function openBubblewrap(
  settings: FenceSettings,
): Promise<Fence | { missing: string }> {
  const bubblewrap = await settings.find("bwrap");
  const command = await settings.find("true");
  if (!bubblewrap || !command) return { missing: "bubblewrap is not installed" };
  const tether = await findTether(settings.find);
  const places = settings.hidden.map((folder) => realpath(folder).catch(() => []));
  const hidden = (await Promise.all(places)).flat();
  const java = (await readdir("/etc")).filter((name) => name.startsWith("java"));
  const system = [...PROGRAM_FOLDERS, ...SETTINGS, ...java.map((name) => join("/etc", name))];

  async function wrap(run: Fenced): Promise<string[]> {
    const shown = shownBy(run, await realpath(run.command), hidden);
    const mounts = mountsOf(run, shown, hidden);
    return [...tether, bubblewrap!, ...fenceArguments(run, system, mounts)];
  }

  const [file, ...args] = await wrap({ command, args: [], directory: settings.trialFolder });
  try {
    await promisify(execFile)(file!, args, { env: settings.environment, timeout: 10_000 });
    return { kind: "bubblewrap", wrap };
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().split("\n")[0];
    return { missing: said || "bubblewrap does not work here" };
  }
}

async function findTether(find: FenceSettings["find"]): Promise<string[]> {
  const setpriv = process.platform === "linux" && (await find("setpriv"));
  return setpriv ? [setpriv, "--pdeathsig", "KILL", "--"] : [];
}

/**
 * No --new-session: the shell has already given the tool a session without a terminal, and a second one
 * would take it out of the process group that SIGTERM goes to.
 */
function fenceArguments(run: Fenced, system: readonly string[], mounts: Mount[]): string[] {
  const settings = run.network ? [...system, ...NETWORK_SETTINGS] : system;
  const covers = mounts.filter(({ how }) => how === "hide");
  return [
    ["--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts"],
    ["--unshare-cgroup-try", ...(run.network ? [] : ["--unshare-net"])],
    ["--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
    ...settings.map((path) => ["--ro-bind-try", path, path]),
    ...mounts.map(({ path, how }) => {
      if (how === "hide") return ["--tmpfs", path];
      return [how === "read" ? "--ro-bind" : "--bind", path, path];
    }),
    ...covers.map(({ path }) => ["--remount-ro", path]),
    ["--remount-ro", "/", "--chdir", run.directory, "--", run.command, ...run.args],
  ].flat();
}

/** Outer folders come first, so that what is hidden or shown inside them lies on top. */
function mountsOf(run: Fenced, shown: readonly string[], hidden: readonly string[]): Mount[] {
  const order: Mount["how"][] = ["read", "hide", "write"];
  const around = [...PROGRAM_FOLDERS, ...shown];
  const covered = hidden.filter((folder) => isAmong(around, folder));
  const mounts: Mount[] = [
    ...shown.map((path) => ({ path, how: "read" as const })),
    ...covered.map((path) => ({ path, how: "hide" as const })),
    { path: run.directory, how: "write" },
  ];
  return mounts.sort(
    (one, other) =>
      one.path.length - other.path.length || order.indexOf(one.how) - order.indexOf(other.how),
  );
}

/**
 * What `run` shows beside the system: its inputs, and the folder of a program that is installed elsewhere.
 * Of a folder that holds hidden things only the program itself is shown.
 */
function shownBy(run: Fenced, realCommand: string, hidden: readonly string[]): string[] {
  const programs = [run.command, realCommand]
    .filter((program) => !isAmong(PROGRAM_FOLDERS, program) || isAmong(hidden, program))
    .map((program) =>
      hidden.some((folder) => isIn(dirname(program), folder)) ? program : dirname(program),
    );
  return [...new Set([...(run.readable ?? []), ...programs])];
}

function isAmong(folders: readonly string[], path: string): boolean {
  return folders.some((folder) => isIn(folder, path));
}

function isIn(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return !way.startsWith("..") && !isAbsolute(way);
}
