import { fileURLToPath } from "node:url";
import { killAll } from "../../test/support/processes.ts";
import { startProgram, type Started } from "../../test/support/started.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { makeKey, startProduct } from "../product.ts";
import { rounded, type Spread, spreadOf } from "../rounds.ts";

const AT_ONCE = 16;
const ECHO = fileURLToPath(new URL("../echo.ts", import.meta.url));

/** What the platform adds to Temporal. */
export const workflow: Measurement = {
  name: "workflow",
  title: "Workflows",
  method: `A workflow with one activity, started through the product's API (\`createApp\` with a route of its own, an API key, all that stands before a handler) and worked on with the product's interceptors, beside the bare SDK: its client, its worker, on the same development server. The rate is that of workflows that have ended, ${AT_ONCE} under way at a time; the latency is the median time that a start alone takes, one after the other. Times are those of the wall: the work is done by four processes.`,
  run,
};

async function run({ quick, rounds, rule }: Size): Promise<Finding> {
  const product = await startProduct();
  const { platform } = product;
  const parts: Started[] = [];
  try {
    const BENCH_KEY = await makeKey(product, "packages:query");
    const { temporalAddress: TEMPORAL_ADDRESS } = platform;
    const variables = { ...platform.variables, TEMPORAL_ADDRESS, BENCH_KEY };
    const begin = async (...words: string[]) => {
      const command = [process.execPath, "--import", "tsx", ECHO, ...words];
      const part = await startProgram(command, variables);
      parts.push(part);
      return part;
    };
    await (await begin("worker", "bare")).saying(/ready/);
    await (await begin("worker", "product")).saying(/ready/);
    const app = await begin("app");
    await app.saying(/http:\S+/);
    const address = /http:\S+/.exec(app.said())![0];
    const ask = async (target: string, count: number, atOnce: number, waits = "") => {
      const asked = await begin("client", target, `${count}`, `${atOnce}`, waits);
      await asked.saying(/\{.*\}/);
      return JSON.parse(/\{.*\}/.exec(asked.said())![0]) as { seconds: number; median: number };
    };
    const count = quick ? 100 : 300;
    const found = [];
    for (const [name, target] of [
      ["Longhaul", address],
      ["bare SDK", "bare"],
    ] as const) {
      await ask(target, count, AT_ONCE, "waits");
      found.push({ name, target, rates: [] as number[], latencies: [] as number[] });
    }
    for (let round = 0; round < rounds; round++) {
      rule();
      for (const { target, rates, latencies } of found) {
        rates.push(count / (await ask(target, count, AT_ONCE, "waits")).seconds);
        latencies.push((await ask(target, count / 2, 1)).median);
      }
    }
    return present(
      found.map(({ name, rates, latencies }) => ({
        name,
        rate: spreadOf(rates),
        latency: spreadOf(latencies),
      })),
    );
  } finally {
    killAll(parts);
    await platform.remove();
  }
}

function present(found: { name: string; rate: Spread; latency: Spread }[]): Finding {
  const [ours, bare] = found as [(typeof found)[0], (typeof found)[0]];
  return {
    goals: [
      {
        claim: "the rate of the bare SDK",
        value: ours.rate.median / bare.rate.median,
        least: 0.85,
      },
      {
        claim: "the bare SDK's time for a start",
        value: ours.latency.median / bare.latency.median,
        most: 1.15,
      },
    ],
    table: {
      columns: ["", "workflows per second", "least – most", "ms for a start"],
      rows: found.map(({ name, rate, latency }) => [
        name,
        rounded(rate.median),
        `${rounded(rate.least)} – ${rounded(rate.most)}`,
        rounded(latency.median),
      ]),
    },
    plots: [
      {
        title: "A workflow with one activity",
        unit: "workflows per second",
        bars: found.map(({ name, rate: { median: value, least, most } }) => {
          return { label: name, value, least, most };
        }),
      },
    ],
  };
}
