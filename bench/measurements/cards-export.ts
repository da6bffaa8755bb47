import {
  type CardPlatform,
  mariadbPid,
  type Profile,
  SECRET_KEY,
  servingPids,
} from "../cards/platform.ts";
import type { Stock } from "../cards/stock.ts";
import type { Finding, Goal, Measurement, Size } from "../measurement.ts";
import {
  cpuSeconds,
  forgetPeak,
  peakBytes,
  type Peer,
  pinServing,
  runAsking,
  startPeer,
  unpin,
} from "../processes.ts";
import { untilQuiet } from "../product.ts";
import { compare, type Contestant, ratio, rounded, type Standing, tableOf } from "../rounds.ts";

const FORMATS = ["txt", "csv", "xlsx"] as const;
type Format = (typeof FORMATS)[number];
const MIB = 2 ** 20;

/** What it costs to give codes away by the file. */
export function cardsExport(stock: Stock, profile: Profile): Measurement {
  return {
    name: `cards-export-${profile.toLowerCase()}`,
    title: `Export of cards on ${profile}`,
    method:
      "The active cards among a million, as text, as CSV and as a workbook, fetched with curl: from `GET /api/v1/cards/export`, and from a bare Node server that streams the same columns of the same rows out of the driver, opens their codes with the same cipher and writes the same format by hand. On MariaDB its server counts with who asks it. Then all cards are exported. The memory is the most that the API had meanwhile, against what it had before.",
    run: (size) => run(stock, profile, size),
  };
}

async function run(stock: Stock, profile: Profile, { quick, rule }: Size): Promise<Finding> {
  const size: Size = { quick, rule, rounds: 3 };
  const goals: Goal[] = [];
  const standings: Standing[] = [];
  await stock.fill(profile);
  const platform = await stock.begin(profile);
  await untilQuiet(platform.product);
  await pinServing(platform.product.api);
  const place = "url" in platform.place ? platform.place.url : platform.place.file;
  const peer = await startPeer("card-export", place, SECRET_KEY, "active");
  for (const format of FORMATS) {
    const [ours, bare] = await contestants(platform, peer, format);
    // Whatever memory its code takes, it has then.
    await ours.turn();
    const { both, grownBytes } = await watchMemory(platform, async () => ({
      both: await compare([ours, bare], size),
    }));
    standings.push(...both);
    goals.push({
      claim: `${format}, against a bare stream`,
      value: ratio(both, ours.name, bare.name),
      least: 0.6,
    });
    goals.push(growthOf(format, grownBytes));
  }
  await peer.stop();
  const all = await watchMemory(platform, () => exportAll(platform));
  goals.push(growthOf("all cards", all.grownBytes));
  await unpin(platform.product.api);
  const amount = `${Math.round(all.bytes / MIB)} MiB in ${rounded(all.seconds)} s`;
  const table = tableOf(standings, "cards");
  const rows = [...table.rows, ["all cards as csv", "", amount, ""]];
  return { goals, table: { ...table, rows }, plots: [] };
}

async function contestants(
  platform: CardPlatform,
  peer: Peer,
  format: Format,
): Promise<[Contestant, Contestant]> {
  const { place } = platform;
  const path = `/api/v1/cards/export?status=active&format=${format}`;
  const database = "url" in place ? [await mariadbPid(place.url)] : [];
  const cards = await countActive(platform);
  const fetching = (name: string, pids: number[], fetchIt: () => Promise<unknown>): Contestant => ({
    name,
    async turn() {
      const began = performance.now();
      const before = await cpuSeconds(...pids);
      await fetchIt();
      const used = (await cpuSeconds(...pids)) - before;
      return { work: cards, cpuSeconds: used, seconds: (performance.now() - began) / 1000 };
    },
  });
  return [
    fetching(format, await servingPids(platform), () => curl(platform, path)),
    fetching(`bare ${format}`, [peer.pid, ...database], () =>
      runAsking(["curl", "-sf", "-o", "/dev/null", `${peer.address}/${format}`]),
    ),
  ];
}

function growthOf(what: string, grownBytes: number): Goal {
  return { claim: `MiB that the API grows by with ${what}`, value: grownBytes / MIB, most: 20 };
}

/** Does something, and tells by how much the API had grown at most. */
async function watchMemory<T extends object>(
  { product }: CardPlatform,
  body: () => Promise<T>,
): Promise<T & { grownBytes: number }> {
  await untilQuiet(product);
  await forgetPeak(product.api);
  const before = await peakBytes(product.api);
  const done = await body();
  return { ...done, grownBytes: (await peakBytes(product.api)) - before };
}

async function exportAll(platform: CardPlatform): Promise<{ bytes: number; seconds: number }> {
  const began = performance.now();
  const bytes = Number(await curl(platform, "/api/v1/cards/export?format=csv"));
  return { bytes, seconds: (performance.now() - began) / 1000 };
}

/** Answers how many bytes came. */
function curl({ product: { client }, key }: CardPlatform, path: string): Promise<string> {
  const quiet = ["curl", "-sf", "-o", "/dev/null", "-w", "%{size_download}"];
  return runAsking([...quiet, "-H", `x-api-key: ${key}`, client.address + path]);
}

async function countActive({ database: { sequelize } }: CardPlatform): Promise<number> {
  const [[row]] = await sequelize.query(
    "SELECT COUNT(*) AS cards FROM cards WHERE state = 'active' AND deleted_at IS NULL",
  );
  return (row as { cards: number }).cards;
}
