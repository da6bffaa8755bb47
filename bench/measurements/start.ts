import { readFile } from "node:fs/promises";
import { makeZip } from "../../scripts/demo/sample-package.ts";
import type { Accepted } from "../../test/support/package-client.ts";
import { until } from "../../test/support/until.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { type Product, startProduct, untilQuiet } from "../product.ts";
import { rounded, type Spread, spreadOf } from "../rounds.ts";

const PARTS = ["worker", "api", "temporal"] as const;
/** The kernel counts the start of a process in hundredths of a second since the machine was started. */
const TICKS = 100;

/** How long nothing goes on. */
export const start: Measurement = {
  name: "start",
  title: "Start, and crashes",
  method:
    "`npm start` in a data folder that is there already, with how far each part had come at which second; then a part is killed with -9 and at that moment a rollback is ordered, again and again until it is accepted: the seconds until it is live and recorded are what the crash costs, beside the same with nothing killed.",
  run,
};

async function run({ quick, rounds, rule }: Size): Promise<Finding> {
  const product = await startProduct();
  try {
    const times = quick ? 1 : rounds;
    const stages = new Map<string, number[]>();
    for (let round = 0; round < times; round++) {
      rule();
      for (const [stage, seconds] of await startAgain(product)) {
        stages.set(stage, [...(stages.get(stage) ?? []), seconds]);
      }
    }
    const crashes = await crash(product, times);
    const rows = [
      ...[...stages].map(([stage, all]) => [stage, spreadOf(all)] as const),
      ...crashes,
    ];
    return {
      goals: [],
      table: {
        columns: ["", "seconds", "least – most"],
        rows: rows.map(([what, { median, least, most }]) => [
          what,
          rounded(median),
          `${rounded(least)} – ${rounded(most)}`,
        ]),
      },
      plots: [
        {
          title: "From the kill until a rollback that was ordered then is recorded",
          unit: "seconds",
          bars: crashes.map(([label, { median: value, least, most }]) => {
            return { label, value, least, most };
          }),
        },
      ],
    };
  } finally {
    await product.platform.remove();
  }
}

/** Stops the platform, starts it again, and answers at which second each part had come how far. */
async function startAgain({ platform }: Product): Promise<[string, number][]> {
  await platform.stop();
  const beganAt = Date.now();
  const { answeredMs, readyMs } = await platform.start();
  const begun = async (part: (typeof PARTS)[number]) =>
    (await processBegan((await platform.find(part))!.pid)) - beganAt;
  const stages: [string, number][] = [
    ["start: Temporal is started", await begun("temporal")],
    ["start: the API is started", await begun("api")],
    ["start: the API answers", answeredMs],
    ["start: the worker is started", await begun("worker")],
    ["start: everything is ready", readyMs],
  ];
  return stages.map(([stage, milliseconds]) => [stage, milliseconds / 1000]);
}

/** The moment at which a process was started, in epoch milliseconds. */
async function processBegan(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name of the program, in parentheses, may contain spaces.
  const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  const [uptime] = (await readFile("/proc/uptime", "utf8")).split(" ");
  return Date.now() - (Number(uptime) - ticks / TICKS) * 1000;
}

/** What each crash costs a rollback that is ordered at that moment. */
async function crash(product: Product, times: number): Promise<[string, Spread][]> {
  const { client, platform } = product;
  const first = await client.upload(await makeZip(), "Crash");
  await client.succeeds(first);
  await client.succeeds(await client.replace(first.id, await makeZip(), "2.0.0"));
  const costs: [string, Spread][] = [];
  let turn = 0;
  for (const victim of ["nothing", ...PARTS] as const) {
    const seconds: number[] = [];
    for (let round = 0; round < times; round++) {
      await untilQuiet(product);
      const began = performance.now();
      if (victim !== "nothing") await platform.kill(victim);
      const order = await insist(() => client.rollBack(first.id, ["1.0.0", "2.0.0"][turn++ % 2]!));
      await client.succeeds(order, 120_000);
      seconds.push((performance.now() - began) / 1000);
      await until(async () => (await platform.find("worker")) !== undefined);
    }
    costs.push([`kill -9: ${victim}`, spreadOf(seconds)]);
  }
  return costs;
}

async function insist(order: () => Promise<Accepted>): Promise<Accepted> {
  let accepted: Accepted | undefined;
  await until(async () => {
    accepted = await order().catch(() => undefined);
    return accepted !== undefined;
  });
  return accepted!;
}
