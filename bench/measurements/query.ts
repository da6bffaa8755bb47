import { join } from "node:path";
import { makeZip } from "../../scripts/demo/sample-package.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { cpuSeconds, runAsking, startPeer } from "../processes.ts";
import { makeKey, startProduct, untilQuiet } from "../product.ts";
import { compare, type Contestant, plotOf, ratio, tableOf } from "../rounds.ts";

const CONNECTIONS = "16";
/** As many answers as it takes until all code is compiled. */
const WARM_UP = 15_000;
const LOAD = new URL("../load.ts", import.meta.url).pathname;

/** What apps ask when they look for their package. */
export const query: Measurement = {
  name: "query",
  title: "Package query",
  method:
    "Apps ask for their package with an API key that may do no more: from the product with all that stands before an answer (sign-in, limits, log, metrics), and from a bare Koa route that asks the same indexed question of the same database with the same driver and knows the rest of the answer. Sixteen connections, which all ask for one package: in the product those who ask the same while the database is at it share its next answer, in the bare route each asks for itself. Both are warm.",
  run,
};

/** What the product reads for an answer, as one statement. */
const STATEMENT = `
SELECT p.serial, p.name, p.type, p.is_distributing, c.name AS channel, v.version, v.artefact_bytes, v.artefact_sha256
FROM packages p
JOIN package_channels c ON c.package_id = p.id AND c.name = 'stable'
JOIN package_versions v ON v.id = c.live_version_id
WHERE p.serial = ? AND p.deleted_at IS NULL`;

async function run(size: Size): Promise<Finding> {
  const product = await startProduct({ LOG_LEVEL: "info" });
  const { client, platform } = product;
  try {
    const { id, ...order } = await client.upload(await makeZip(), "Query");
    await client.succeeds({ id, ...order });
    const key = await makeKey(product, "packages:query");
    const path = `/api/v1/package/query?package_id=${id}`;
    const { body } = await client.call("GET", path);
    const file = join(platform.folder, "db", "longhaul.sqlite");
    const koa = await startPeer("koa-query", file, STATEMENT, JSON.stringify(body));
    await untilQuiet(product);
    const answers = size.quick ? 2000 : 10_000;
    const standings = await compare(
      [
        asking("Longhaul", client.address + path, { key, answers, pid: product.api }),
        asking("bare Koa route", koa.address + path, { key, answers, pid: koa.pid }),
      ],
      size,
    );
    await koa.stop();
    return {
      goals: [
        {
          claim: "answers per CPU second, against a bare Koa route with the same indexed query",
          value: ratio(standings, "Longhaul", "bare Koa route"),
          least: 0.8,
        },
      ],
      table: tableOf(standings, "answers"),
      plots: [plotOf(standings, "Package query", "answers")],
    };
  } finally {
    await platform.remove();
  }
}

function asking(
  name: string,
  url: string,
  { key, answers, pid }: { key: string; answers: number; pid: number },
): Contestant {
  const load = [process.execPath, "--import", "tsx", LOAD, url, CONNECTIONS];
  return {
    name,
    warmUp: () => runAsking([...load, `${WARM_UP}`, key]),
    async turn() {
      const began = performance.now();
      const before = await cpuSeconds(pid);
      await runAsking([...load, `${answers}`, key]);
      const used = (await cpuSeconds(pid)) - before;
      return { work: answers, cpuSeconds: used, seconds: (performance.now() - began) / 1000 };
    },
  };
}
