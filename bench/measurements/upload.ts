import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Accepted } from "../../test/support/package-client.ts";
import { GiB, warm, writeZip } from "../files.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { cpuSeconds, forgetPeak, peakBytes, runAsking, startPeer } from "../processes.ts";
import { type Product, startProduct, untilEnded, untilQuiet } from "../product.ts";
import { compare, plotOf, ratio, rounded, tableOf } from "../rounds.ts";

const MiB = 1024 * 1024;

/** A package's bytes on their way in. */
export const upload: Measurement = {
  name: "upload",
  title: "Upload",
  method:
    "One client sends a file of 1 GiB with curl: as the form of `POST /packages/{id}/versions`, and as a bare body to the least that Node can do (a pipe to disk, the same sha256 on the way, one fsync at the end). The memory is the API's, the most it ever had, against what it has when idle.",
  run,
};

async function run(size: Size): Promise<Finding> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-bench-"));
  const ends = [() => rm(folder, { recursive: true, force: true })];
  try {
    const [small, large] = [join(folder, "small.zip"), join(folder, "large.zip")];
    const mebibytes = size.quick ? 128 : 1024;
    await writeZip(small, 16);
    await writeZip(large, mebibytes);
    const product = await startProduct();
    ends.push(() => product.platform.remove());
    const pipe = await startPeer("upload-pipe", folder);
    ends.push(() => pipe.stop());
    const { id } = await uploadFile(product, small, { name: "Upload", version: "0.0.0" });
    const growth = [
      await growthBy(product, id, small, "0.0.1"),
      await growthBy(product, id, large, "0.0.2"),
    ] as const;
    await warm(large);
    let version = 0;
    const standings = await compare(
      [
        {
          name: "Longhaul",
          turn: () =>
            sending(
              product.api,
              large,
              async () => {
                await uploadFile(product, large, { id, version: `1.0.${version++}` });
              },
              () => untilEnded(product, id),
            ),
        },
        {
          name: "Node pipe",
          turn: () =>
            sending(pipe.pid, large, () => runAsking(["curl", "-sS", "-T", large, pipe.address])),
        },
      ],
      size,
    );
    return {
      goals: [
        {
          claim: "CPU time for the same bytes, against the bare Node pipe",
          value: ratio(standings, "Longhaul", "Node pipe"),
          least: 0.85,
        },
        { claim: "MiB that the API grows by with 16 MiB", value: growth[0], most: 40 },
        { claim: `MiB that the API grows by with ${mebibytes} MiB`, value: growth[1], most: 40 },
      ],
      table: tableOf(standings, "GiB"),
      plots: [plotOf(standings, "1 GiB from one client", "GiB")],
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

/** Uploads a file as a client with curl does. */
export async function uploadFile(
  { client, key }: Product,
  path: string,
  { id, ...fields }: { id?: string; name?: string; version: string },
): Promise<Accepted> {
  const form = Object.entries(fields).flatMap(([name, value]) => ["-F", `${name}=${value}`]);
  const url = `${client.address}/api/v1/packages${id ? `/${id}/versions` : ""}`;
  const said = await runAsking([
    "curl",
    "-sS",
    "-H",
    `X-API-Key: ${key}`,
    ...form,
    "-F",
    `file=@${path}`,
    url,
  ]);
  const answer = JSON.parse(said) as { id: string; run?: { id: string } };
  if (!answer.run) throw new Error(`an upload was answered ${said}`);
  return { id: answer.id, run: answer.run.id };
}

/** MiB that the memory of the API grows by, at its most, while it takes a file. */
async function growthBy(
  product: Product,
  id: string,
  path: string,
  version: string,
): Promise<number> {
  await untilEnded(product, id);
  await untilQuiet(product);
  await forgetPeak(product.api);
  const idle = await peakBytes(product.api);
  await uploadFile(product, path, { id, version });
  return rounded(((await peakBytes(product.api)) - idle) / MiB);
}

async function sending(
  pid: number,
  path: string,
  send: () => Promise<unknown>,
  settle = async () => {},
) {
  const began = performance.now();
  const before = await cpuSeconds(pid);
  await send();
  const used = (await cpuSeconds(pid)) - before;
  const seconds = (performance.now() - began) / 1000;
  await settle();
  return { work: (await stat(path)).size / GiB, cpuSeconds: used, seconds };
}
