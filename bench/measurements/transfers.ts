import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDiskStore } from "../../platform/objects/disk.ts";
import { makeDownload } from "../../test/support/downloads.ts";
import { openBeside } from "../../test/support/leftovers.ts";
import { GiB, warm } from "../files.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { nginxBeforeApi, nginxOfFolder } from "../nginx.ts";
import {
  cpuSeconds,
  forgetPeak,
  type Peer,
  peakBytes,
  runAsking,
  startPeer,
} from "../processes.ts";
import { type Product, startProduct, untilQuiet } from "../product.ts";
import { compare, type Contestant, plotOf, tableOf } from "../rounds.ts";
import { goalsOfSending } from "./download.ts";

const CLIENTS = 50;
const MiB = 1024 * 1024;
const SLOW_SECONDS = 10;

/** The files of downloads on their way to many at once. */
export const transfers: Measurement = {
  name: "transfers",
  title: "Fifty transfers at once",
  method: `One curl fetches a file of 100 MB ${CLIENTS} times at once: from \`GET /api/v1/download/file\`, with its places and its checks, from the least that Node can do (\`createReadStream\` with the same buffer, piped into the response), from nginx with \`sendfile\`, and from the same route where \`DELIVERY=accel\` lets the nginx before the API send it (then nginx and the API count together). Everything lies in the page cache. Where nginx sends, what is judged is how many bytes arrive in a second; what they take of the CPU stands beside it. The memory is what the API grows by, at its most, while ${CLIENTS} clients take 200 KB a second each.`,
  run,
};

async function run(size: Size): Promise<Finding> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-bench-"));
  const ends = [() => rm(folder, { recursive: true, force: true })];
  const ending = (peer: Peer): Peer => {
    ends.push(() => peer.stop());
    return peer;
  };
  try {
    const path = join(folder, "film.mp4");
    const content = randomBytes(size.quick ? 10_000_000 : 100_000_000);
    await writeFile(path, content);
    const product = await startProduct({ DELIVERY: "accel" });
    const { client, platform, api } = product;
    ends.push(() => platform.remove());
    const file = await addFile(product, content);
    const pipe = ending(await startPeer("download-pipe", path));
    const nginx = ending(await nginxOfFolder(folder));
    const objects = join(platform.folder, "objects", "objects");
    const before = ending(await nginxBeforeApi(client.address, objects));
    await warm(path);
    await untilQuiet(product);
    const [, token = ""] = client.secrets;
    const ours = client.address + file;
    const extraBytes = await growth(api, ours, token);
    const standings = await compare(
      [
        fetching("Longhaul", ours, token, api),
        fetching("Node pipe", pipe.address, token, pipe.pid),
        fetching("Longhaul, accel", before.address + file, token, before.pid, api),
        fetching("nginx sendfile", `${nginx.address}/film.mp4`, token, nginx.pid),
      ],
      size,
    );
    return {
      goals: [
        ...goalsOfSending(standings, "perSecond"),
        {
          claim: `MiB that the API grows by with ${CLIENTS} slow clients`,
          value: extraBytes / MiB,
          most: 30,
        },
      ],
      table: tableOf(standings, "GiB"),
      plots: [plotOf(standings, `100 MB to each of ${CLIENTS} clients`, "GiB")],
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

/** Puts a file where the administrator's archived download would have it; answers the path of its route. */
async function addFile({ client, platform }: Product, content: Buffer): Promise<string> {
  const [, token] = client.secrets;
  const headers = { authorization: `Bearer ${token}` };
  const { id: accountId } = (await client.call("GET", "/api/v1/users/me", { headers })).body;
  const objectKey = `accounts/${accountId}/downloads/archive/film`;
  await (await openDiskStore(join(platform.folder, "objects"))).put(objectKey, content);
  const database = await openBeside(platform);
  const about = { fileName: "film.mp4", sha256: "0", bytes: content.length };
  const row = await makeDownload({ accountId, state: "kept", objectKey, ...about });
  await database.close();
  return `/api/v1/download/file?history_id=${row.serial}`;
}

/** The words by which one curl fetches an address so many times at once. */
function curl(url: string, token: string, ...more: string[]): string[] {
  const all = ["--parallel", "--parallel-immediate", "--parallel-max", `${CLIENTS}`];
  const said = ["-w", "%{http_code} %{size_download}\\n"];
  const each = Array.from({ length: CLIENTS }, () => ["-o", "/dev/null", url]).flat();
  return [
    "curl",
    "-s",
    "--no-progress-meter",
    "-H",
    `Authorization: Bearer ${token}`,
    ...all,
    ...said,
    ...more,
    ...each,
  ];
}

function fetching(name: string, url: string, token: string, ...pids: number[]): Contestant {
  return {
    name,
    async turn() {
      const [before, began] = [await cpuSeconds(...pids), performance.now()];
      const said = await runAsking(curl(url, token));
      const seconds = (performance.now() - began) / 1000;
      const answers = said.trim().split("\n");
      const bytes = answers.map((line) => line.split(" ").map(Number) as [number, number]);
      const wrong = bytes.find(([status]) => status !== 200);
      if (wrong || bytes.length !== CLIENTS) throw new Error(`${url} answered:\n${said}`);
      const work = bytes.reduce((sum, [, got]) => sum + got, 0) / GiB;
      return { work, cpuSeconds: (await cpuSeconds(...pids)) - before, seconds };
    },
  };
}

/** What a process grows by at its most while everybody is slow; nobody comes to an end. */
async function growth(pid: number, url: string, token: string): Promise<number> {
  await forgetPeak(pid);
  const idle = await peakBytes(pid);
  const slow = curl(url, token, "--limit-rate", "200k", "--max-time", `${SLOW_SECONDS}`);
  // It says that it was not in time.
  await runAsking(["sh", "-c", '"$@" || true', "sh", ...slow]);
  return (await peakBytes(pid)) - idle;
}
