import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nginxBeforeApi, nginxOfFolder } from "../nginx.ts";
import { GiB, warm, writeZip } from "../files.ts";
import type { Finding, Goal, Measurement, Size } from "../measurement.ts";
import { cpuSeconds, type Peer, runAsking, startPeer } from "../processes.ts";
import { startProduct, untilQuiet } from "../product.ts";
import { compare, type Contestant, plotOf, ratio, type Standing, tableOf } from "../rounds.ts";
import { uploadFile } from "./upload.ts";

/** A package's bytes on their way to clients. */
export const download: Measurement = {
  name: "download",
  title: "Fixed link",
  method:
    "One client fetches 1 GiB with curl: from the fixed link of a published package, from the least that Node can do (`createReadStream` with the same buffer, piped into the response), from nginx with `sendfile`, and from the same link where `DELIVERY=accel` lets the nginx before the API send it (then nginx and the API count together). Everything lies in the page cache.",
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
    const path = join(folder, "package.zip");
    await writeZip(path, size.quick ? 128 : 1024);
    const product = await startProduct({ DELIVERY: "accel" });
    const { client, platform, api } = product;
    ends.push(() => platform.remove());
    const pipe = ending(await startPeer("download-pipe", path));
    const nginx = ending(await nginxOfFolder(folder));
    const objects = join(platform.folder, "objects", "objects");
    const before = ending(await nginxBeforeApi(client.address, objects));
    const order = await uploadFile(product, path, { name: "Download", version: "1.0.0" });
    await client.succeeds(order, 300_000);
    await warm(path);
    await untilQuiet(product);
    const link = client.link(order.id);
    const standings = await compare(
      [
        fetching("Longhaul", link, api),
        fetching("Node pipe", pipe.address, pipe.pid),
        fetching("Longhaul, accel", link.replace(client.address, before.address), before.pid, api),
        fetching("nginx sendfile", `${nginx.address}/package.zip`, nginx.pid),
      ],
      size,
    );
    return {
      goals: goalsOfSending(standings),
      table: tableOf(standings, "GiB"),
      plots: [plotOf(standings, "1 GiB to one client", "GiB")],
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

/**
 * How near whoever sends files must come to the bare pipe, by the CPU, and to nginx where that sends them, by `unit`: where
 * many wait at once it is how soon they have their files, and what that costs stands in the table.
 */
export function goalsOfSending(
  standings: Standing[],
  unit: "perCpuSecond" | "perSecond" = "perCpuSecond",
): Goal[] {
  const by = unit === "perSecond" ? "bytes per second " : "";
  return [
    {
      claim: "CPU time for the same bytes, against the bare Node pipe",
      value: ratio(standings, "Longhaul", "Node pipe"),
      least: 0.95,
    },
    {
      claim: `${by}with \`X-Accel-Redirect\`, against nginx that knows nothing of us`,
      value: ratio(standings, "Longhaul, accel", "nginx sendfile", unit),
      least: 0.95,
    },
  ];
}

function fetching(name: string, url: string, ...pids: number[]): Contestant {
  return {
    name,
    async turn() {
      const before = await cpuSeconds(...pids);
      const wanted = "%{http_code} %{size_download} %{time_total}";
      const said = await runAsking(["curl", "-s", "-o", "/dev/null", "-w", wanted, url]);
      const [status, bytes, seconds] = said.split(" ").map(Number) as [number, number, number];
      if (status !== 200) throw new Error(`${url} answered ${status}`);
      return { work: bytes / GiB, cpuSeconds: (await cpuSeconds(...pids)) - before, seconds };
    },
  };
}
