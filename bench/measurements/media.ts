import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { openShell } from "../../platform/shell.ts";
import { findYtDlp, type YtDlp } from "../../platform/yt-dlp/index.ts";
import { cacheFolder } from "../../test/support/services/environment.ts";
import { ensurePip } from "../../test/support/services/wheels.ts";
import { mediaBytes, startMediaServer } from "../../test/support/stand-ins/media-server.ts";
import { until } from "../../test/support/until.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { makeKey, type Product, startProduct } from "../product.ts";
import { rounded, type Spread, spreadOf } from "../rounds.ts";

const runProgram = promisify(execFile);

const BYTES = 1_000_000;
const TOGETHER = 10;
const LOOK_MS = 20;

/** What the product adds to yt-dlp. */
export const media: Measurement = {
  name: "media",
  title: "Downloads",
  method: `A file of 1 MB from a server on the loopback address: ordered at \`POST /api/v1/download\` and ready in the history, with everything between (workflow, gates, the judging proxy, the lease of room, the fence around yt-dlp, digests, the store), and by one bare run of the same yt-dlp. Then ${TOGETHER} at once on both sides, each its own file. Gates are opened wide (\`GATE_HOST_PLACES\`, \`GATE_HOST_RATE\`), and the worker has ${TOGETHER} slots. Times are those of the wall.`,
  run,
};

async function run({ quick, rounds, rule }: Size): Promise<Finding> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-bench-"));
  const source = await startMediaServer();
  const ends = [() => rm(folder, { recursive: true, force: true }), () => source.close()];
  try {
    const program = await findProgram(folder);
    const started = await startProduct({
      OUTBOUND_ALLOW: source.host,
      DOWNLOAD_SLOTS: `${TOGETHER}`,
      DOWNLOAD_DAILY_QUOTA: "1000000",
      GATE_HOST_PLACES: "1000",
      GATE_HOST_RATE: "10000/1",
    });
    ends.push(() => started.platform.remove());
    const key = await makeKey(started, "downloads:start", "downloads:read");
    const product = { ...started, key };
    let made = 0;
    const address = () => {
      const path = `/film-${++made}.mp4`;
      source.serve(path, mediaBytes(BYTES));
      return source.address + path;
    };
    // Until a worker has found its yt-dlp nothing is accepted.
    await until(async () => (await order(product, address())) !== undefined, 60_000);
    const ours = () => fetchByProduct(product, address());
    const bare = () => fetchBare(program, folder, address());
    const contestants = [
      { name: "Longhaul", fetch: ours },
      { name: "bare yt-dlp", fetch: bare },
    ].map((one) => ({ ...one, alone: [] as number[], together: [] as number[] }));
    for (const { fetch } of contestants) await fetch();
    for (let round = 0; round < rounds; round++) {
      rule();
      for (const { fetch, alone } of contestants) alone.push(await timed([fetch]));
      const many = Array.from({ length: quick ? 3 : TOGETHER });
      for (const { fetch, together } of contestants) {
        together.push(await timed(many.map(() => fetch)));
      }
    }
    return present(
      contestants.map(({ name, alone, together }) => {
        return { name, alone: spreadOf(alone), together: spreadOf(together) };
      }),
    );
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function findProgram(folder: string): Promise<YtDlp> {
  await ensurePip();
  const [scratchFolder, runFolder] = [join(folder, "scratch"), join(folder, "run")];
  const shell = await openShell({ scratchFolder, runFolder, path: process.env["PATH"]! });
  return findYtDlp({ shell, cacheFolder: cacheFolder(), machine: process.env });
}

/** The seconds until all are done that begin together. */
async function timed(all: readonly (() => Promise<void>)[]): Promise<number> {
  const begun = performance.now();
  await Promise.all(all.map((one) => one()));
  return (performance.now() - begun) / 1000;
}

async function fetchBare({ command, words }: YtDlp, folder: string, url: string): Promise<void> {
  const output = `--output=${join(folder, "%(title)s.%(ext)s")}`;
  const options = ["--ignore-config", "--no-cache-dir", "--quiet", output, "--", url];
  await runProgram(command, [...words, ...options]);
}

/** What the API answers to whoever shows this key, and no other proof. */
async function ask({ client, key }: Product, path: string, json?: object) {
  const response = await fetch(client.address + path, {
    ...(json && { method: "POST", body: JSON.stringify(json) }),
    headers: { "X-API-Key": key, "Content-Type": "application/json" },
  });
  return { status: response.status, body: (await response.json()) as Record<string, never> };
}

/** The number of an entry in the history; undefined where the order is refused. */
async function order(product: Product, url: string): Promise<number | undefined> {
  return (await ask(product, "/api/v1/download", { url, mode: "archive" })).body["history_id"];
}

async function fetchByProduct(product: Product, url: string): Promise<void> {
  const path = `/api/v1/user/history/${await order(product, url)}`;
  for (;;) {
    const { status, body } = await ask(product, path);
    if (body["state"] === "kept") return;
    if (status !== 200 || body["state"] === "failed") {
      throw new Error(`${url} was not fetched: ${body["error_code"] ?? status}`);
    }
    await sleep(LOOK_MS);
  }
}

function present(found: { name: string; alone: Spread; together: Spread }[]): Finding {
  const [ours, bare] = found as [(typeof found)[0], (typeof found)[0]];
  return {
    goals: [
      {
        claim: "seconds beyond one bare run, for 1 MB",
        value: ours.alone.median - bare.alone.median,
        most: 1.5,
      },
      {
        claim: `the time of ${TOGETHER} bare runs at once, for ${TOGETHER} at once`,
        value: ours.together.median / bare.together.median,
        most: 1.5,
      },
    ],
    table: {
      columns: ["", "seconds for one", "least – most", `seconds for ${TOGETHER} at once`],
      rows: found.map(({ name, alone, together }) => [
        name,
        rounded(alone.median),
        `${rounded(alone.least)} – ${rounded(alone.most)}`,
        rounded(together.median),
      ]),
    },
    plots: [
      {
        title: "1 MB from a server on the same machine",
        unit: "seconds",
        bars: found.map(({ name, alone: { median: value, least, most } }) => {
          return { label: name, value, least, most };
        }),
      },
    ],
  };
}
