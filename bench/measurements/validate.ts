import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallGiven } from "../../test/support/api.ts";
import { until } from "../../test/support/until.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { makeOwnDatabase } from "../mysql.ts";
import { startFlask } from "../peers/flask.ts";
import { cpuSeconds, type Peer, runAsking, runFirst, startPeer, unpin } from "../processes.ts";
import { type Product, startProduct, untilQuiet } from "../product.ts";
import {
  compare,
  type Contestant,
  plotOf,
  ratio,
  rounded,
  type Spread,
  spreadOf,
  type Standing,
  tableOf,
} from "../rounds.ts";

const CONNECTIONS = "16";
/** As many answers as it takes until all code is compiled. */
const WARM_UP = 15_000;
/** How many active cards are shown in turn: at any moment every connection shows another. */
const CARDS = 500;
/** Requests at a fixed rate come over as many, so that none has to wait for another's answer. */
const CROWD = "64";
const BATCH = 10_000;
const LOAD = new URL("../load.ts", import.meta.url).pathname;
const PATH = "/api/validate";

const OURS = "Longhaul";
const BARE = "bare Koa and mysql2";
const FLASK = "Flask and SQLAlchemy";
const ALONE = "at half of saturation";
const AMID = "while a batch is made";
const ENDLESS = "while batch follows batch";
/** So long after a batch the next is ordered: what it has left behind is over then. */
const PAUSE_MS = 1000;

/** What programs ask again and again: whether their card is good. */
export const validate: Measurement = {
  name: "validate",
  title: "Validation of a card",
  method:
    "Programs show an active card from its machine, `POST /api/validate`, on MariaDB: to the product as `npm start` runs it, with all that stands around an answer (limits, the guard against guessing, log, metrics), to a bare Koa that reads the body, hashes the code with the same key, asks the same question by a prepared statement on a pool of connections and answers the same fields, and to Flask with SQLAlchemy models served by waitress, where Python can be had. Sixteen connections show five hundred cards in turn: the product looks up by one statement all those who came while it was at the one before, the others send one for each. The work is the CPU time of whoever answers, not that of MariaDB. Then the product is asked half as often as it could answer, at a fixed rate and with all cores: the time from when a request was due to its answer, alone; of the requests that are due while a batch of 10,000 cards is under way, from its order until it says `completed`, with a second between one batch and the next; and, beyond what is asked for, while each batch is ordered as soon as the one before is there. Whoever asks and orders shares the two cores with all of the product and with MariaDB.",
  run,
};

async function run(size: Size): Promise<Finding> {
  const database = await makeOwnDatabase();
  const product = await startProduct({ DATABASE_URL: database.url });
  const { platform } = product;
  try {
    const orders = join(platform.folder, "orders.jsonl");
    const active = await activeCards(product);
    await writeFile(orders, active.map((order) => JSON.stringify(order)).join("\n"));
    const standings = await compareAnswers(product, database.url, orders, size);
    const { perSecond } = standings[0]!;
    const latencies = await timeAnswers(product, orders, Math.round(perSecond.median / 2), size);
    return findingOf(standings, latencies);
  } finally {
    await platform.remove();
    await database.drop();
  }
}

async function compareAnswers(
  product: Product,
  databaseUrl: string,
  orders: string,
  { quick, ...size }: Size,
): Promise<Standing[]> {
  const file = join(product.platform.folder, "keys/secret-key");
  const secretKey = (await readFile(file, "utf8")).trim();
  const koa = await startPeer("koa-validate", databaseUrl, secretKey);
  const flask = await startFlask(databaseUrl, secretKey);
  await untilQuiet(product);
  const answers = quick ? 2000 : 10_000;
  const ours = { address: product.client.address, pid: product.api };
  const contestants = [
    asking(OURS, ours, orders, answers),
    asking(BARE, koa, orders, answers),
    ...(flask ? [asking(FLASK, flask, orders, answers / 5)] : []),
  ];
  const standings = await compare(contestants, { quick, ...size });
  for (const peer of [koa, flask]) await peer?.stop();
  return standings;
}

/** When something was due, in epoch milliseconds, and how long it took from then on. */
interface Answered {
  dueAt: number;
  tookMs: number;
}

type Latencies = Record<string, { p50: Spread; p99: Spread }>;

/** How long answers take at this rate, alone and while cards are made. */
async function timeAnswers(
  product: Product,
  orders: string,
  rate: number,
  { quick, rounds, rule }: Size,
): Promise<Latencies> {
  const found: Record<string, Answered[][]> = { [ALONE]: [], [AMID]: [], [ENDLESS]: [] };
  const ask = (seconds: number) =>
    load(product.client.address, orders, { answers: rate * (quick ? 3 : seconds), rate });
  await unpin(product.api);
  for (let round = 0; round < rounds; round++) {
    rule();
    found[ALONE]!.push(await ask(6));
    found[AMID]!.push(await whileMaking(product, PAUSE_MS, () => ask(9)));
    await untilQuiet(product);
    found[ENDLESS]!.push(await whileMaking(product, 0, () => ask(5)));
    await untilQuiet(product);
  }
  const at = (part: number, rounds: Answered[][]) =>
    spreadOf(
      rounds.map((answered) => {
        const tookMs = answered.map((one) => one.tookMs).sort((one, other) => one - other);
        return tookMs[Math.floor(tookMs.length * part)]!;
      }),
    );
  return Object.fromEntries(
    Object.entries(found).map(([name, rounds]) => [
      name,
      { p50: at(0.5, rounds), p99: at(0.99, rounds) },
    ]),
  );
}

/** Has batches made, with a pause after each, while somebody asks: those of the answers that were due meanwhile. */
async function whileMaking(
  product: Product,
  pauseMs: number,
  ask: () => Promise<Answered[]>,
): Promise<Answered[]> {
  const spans: { from: number; to: number }[] = [];
  const making = { isOver: false };
  const batches = (async () => {
    while (!making.isOver) {
      const from = Date.now();
      await makeBatch(product, BATCH);
      spans.push({ from, to: Date.now() });
      await sleep(pauseMs);
    }
  })();
  const answered = await ask();
  making.isOver = true;
  await batches;
  const seconds = spans.map(({ from, to }) => rounded((to - from) / 1000));
  console.log(`  batches meanwhile, in seconds: ${seconds.join(", ")}`);
  return answered.filter(({ dueAt }) => spans.some(({ from, to }) => dueAt >= from && dueAt <= to));
}

function findingOf(standings: Standing[], latencies: Latencies): Finding {
  const isCompared = (wanted: string) => standings.some(({ name }) => name === wanted);
  const against = (theirs: string, least: number) => ({
    claim: `answers per CPU second, against ${theirs}`,
    value: ratio(standings, OURS, theirs),
    least,
  });
  const cells = ({ median, least, most }: Spread) => [
    `${rounded(median)} ms`,
    `${rounded(least)} – ${rounded(most)}`,
  ];
  const times = Object.entries(latencies).flatMap(([name, { p50, p99 }]) => [
    [`p50 ${name}`, ...cells(p50), ""],
    [`p99 ${name}`, ...cells(p99), ""],
  ]);
  const { columns, rows } = tableOf(standings, "answers");
  return {
    goals: [
      against(BARE, 1),
      ...(isCompared(FLASK) ? [against(FLASK, 5)] : []),
      ...[ALONE, AMID].flatMap((name) => [
        { claim: `p50 in milliseconds, ${name}`, value: latencies[name]!.p50.median, most: 3 },
        { claim: `p99 in milliseconds, ${name}`, value: latencies[name]!.p99.median, most: 10 },
      ]),
    ],
    table: { columns, rows: [...rows, ...times] },
    plots: [plotOf(standings, "Validation of an active card", "answers")],
  };
}

/** Orders of cards that were made and shown for the first time, each by a machine of its own. */
async function activeCards(product: Product): Promise<object[]> {
  const { client } = product;
  await makeBatch(product, CARDS);
  const { body } = await administrator(
    product,
    "GET",
    "/api/v1/cards/export?format=txt&prefix=BENCH",
  );
  const codes = (body as string).match(/^BENCH-\w+/gm) ?? [];
  const orders = codes.map((code, index) => ({ code, machine_code: `machine ${index}` }));
  for (const json of orders) {
    const { status } = await client.call("POST", PATH, { json });
    if (status !== 200) throw new Error(`a new card was answered ${status}`);
  }
  return orders;
}

/** Orders so many cards and waits until they are there. */
async function makeBatch(product: Product, count: number): Promise<void> {
  const batches = "/api/v1/cards/batches";
  const json = { prefix: "BENCH", count };
  const { body } = await administrator(product, "POST", batches, { json });
  await until(async () => {
    const batch = await administrator(product, "GET", `${batches}/${body.id}`);
    return batch.body.status === "completed";
  });
}

function administrator({ client }: Product, method: string, path: string, given: CallGiven = {}) {
  const [, accessToken] = client.secrets;
  const headers = { authorization: `Bearer ${accessToken}` };
  return client.call(method, path, { ...given, headers });
}

function asking(
  name: string,
  { address, pid }: Pick<Peer, "address" | "pid">,
  orders: string,
  answers: number,
): Contestant {
  return {
    name,
    warmUp: () => load(address, orders, { answers: Math.min(WARM_UP, answers * 2) }),
    async turn() {
      const began = performance.now();
      const before = await cpuSeconds(pid);
      await load(address, orders, { answers });
      const used = (await cpuSeconds(pid)) - before;
      return { work: answers, cpuSeconds: used, seconds: (performance.now() - began) / 1000 };
    },
  };
}

/** Asks as often; with a rate, so often a second, and answers how long each answer took. */
async function load(
  address: string,
  orders: string,
  { answers, rate }: { answers: number; rate?: number },
): Promise<Answered[]> {
  const program = [process.execPath, "--import", "tsx", LOAD];
  const crowd = rate ? CROWD : CONNECTIONS;
  const words = [address + PATH, crowd, `${answers}`, "", orders, `${rate ?? ""}`];
  const said = await (rate ? runFirst : runAsking)([...program, ...words]);
  return rate ? (JSON.parse(said) as Answered[]) : [];
}
