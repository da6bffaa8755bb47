import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeZip } from "../../scripts/demo/sample-package.ts";
import { writeZip } from "../files.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { type Product, startProduct, untilEnded, untilQuiet } from "../product.ts";
import { rounded, type Spread, spreadOf } from "../rounds.ts";
import { uploadFile } from "./upload.ts";

/** 50 MB. */
const MEBIBYTES = 48;
const SIDE_BY_SIDE = 8;

/** The way back to an earlier version. */
export const rollback: Measurement = {
  name: "rollback",
  title: "Rollback",
  method:
    "A package of 50 MB is rolled back and forth between two versions: from the POST until clients of the fixed link are given the other version, and until that is proved and recorded. The package then gets more versions, and all is done again.",
  run,
};

async function run(size: Size): Promise<Finding> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-bench-"));
  const product = await startProduct();
  try {
    const { id, tags } = await makeTwo(product, folder);
    const found: { versions: number; shown: Spread; recorded: Spread }[] = [];
    let versions = 2;
    for (const wanted of size.quick ? [2, 10] : [2, 20, 200]) {
      await addVersions(product, id, versions, wanted);
      versions = wanted;
      await untilQuiet(product);
      found.push({ versions, ...(await rollBackAndForth(product, id, tags, size)) });
    }
    const [first, last] = [found[0]!, found.at(-1)!];
    const slowest = Math.max(...found.map(({ recorded }) => recorded.median));
    return {
      goals: [
        { claim: "seconds until the rollback is live and recorded", value: slowest, most: 2 },
        {
          claim: `flat: the time with ${last.versions} versions in that with ${first.versions}`,
          value: last.recorded.median / first.recorded.median,
          most: 1.25,
        },
      ],
      table: {
        columns: ["versions", "seconds until it is shown", "until it is recorded", "least – most"],
        rows: found.map(({ versions, shown, recorded }) => [
          versions,
          rounded(shown.median),
          rounded(recorded.median),
          `${rounded(recorded.least)} – ${rounded(recorded.most)}`,
        ]),
      },
      plots: [
        {
          title: "Rollback of 50 MB",
          unit: "seconds",
          bars: found.map(({ versions, recorded: { median: value, least, most } }) => ({
            label: `${versions} versions`,
            value,
            least,
            most,
          })),
        },
      ],
    };
  } finally {
    await product.platform.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the link says of each version. */
type Tags = Readonly<Record<string, string>>;

/** A package with two versions of 50 MB, of which the second is live. */
async function makeTwo(product: Product, folder: string): Promise<{ id: string; tags: Tags }> {
  const path = join(folder, "package.zip");
  await writeZip(path, MEBIBYTES);
  const first = await uploadFile(product, path, { name: "Rollback", version: "1.0.0" });
  await product.client.succeeds(first);
  await writeZip(path, MEBIBYTES);
  const second = await uploadFile(product, path, { id: first.id, version: "2.0.0" });
  await product.client.succeeds(second);
  const { body } = await product.client.call("GET", `/api/v1/packages/${first.id}/versions`);
  const versions = body.items as { version: string; sha256: string }[];
  const tags = versions.map(({ version, sha256 }) => [version, `"${sha256}"`]);
  return { id: first.id, tags: Object.fromEntries(tags) as Tags };
}

/** Small ones, as fast as they are taken: what they weigh does not matter to a rollback. */
async function addVersions(product: Product, id: string, from: number, to: number): Promise<void> {
  const file = await makeZip(1000);
  let next = from;
  const add = async () => {
    while (next < to) await product.client.replace(id, file, `3.${next++}`);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, add));
  await untilEnded(product, id);
}

async function rollBackAndForth(
  { client }: Product,
  id: string,
  tags: Tags,
  { rounds, rule }: Size,
) {
  const [shown, recorded]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds * 2; round++) {
    rule();
    const version = round % 2 === 0 ? "1.0.0" : "2.0.0";
    const began = performance.now();
    const order = await client.rollBack(id, version);
    while ((await tagOf(client.link(id))) !== tags[version]);
    const shownAfter = performance.now() - began;
    await client.succeeds(order);
    if (round === 0) continue;
    shown.push(shownAfter / 1000);
    recorded.push((performance.now() - began) / 1000);
  }
  return { shown: spreadOf(shown), recorded: spreadOf(recorded) };
}

async function tagOf(link: string): Promise<string | null> {
  const answer = await fetch(link, { method: "HEAD" });
  return answer.headers.get("etag");
}
