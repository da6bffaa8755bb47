import { openBareCards } from "../cards/bare.ts";
import { type CardPlatform, makeBatch, type Profile } from "../cards/platform.ts";
import { type Filling, recount, type Stock } from "../cards/stock.ts";
import type { Finding, Goal, Measurement, Size } from "../measurement.ts";
import { rounded, type Spread, spreadOf } from "../rounds.ts";

const BATCH = 10_000;
const MIB = 2 ** 20;
const PLACES = { SQLite: "SQLite, embedded", MariaDB: "MariaDB, with Redis beside it" } as const;

/** What it takes to make cards, few and many. */
export function cardsMaking(stock: Stock, profile: Profile): Measurement {
  return {
    name: `cards-making-${profile.toLowerCase()}`,
    title: `Making cards on ${profile}`,
    method: `10,000 cards, from the POST until their batch says \`completed\`; then a million as one batch, and 10,000 once more beside it. In turn a single connection does the least that must be done: as many codes are drawn, hashed and sealed with the same ciphers, and inserted into the same table by the driver alone, as many in one transaction as the product adds, and as durably. All of the product runs on the same machine as its database: ${PLACES[profile]}. The memory is the most that the API and the worker had while the second half of the million was made, beyond the most they had during the first; the history is that of the batch's workflow.`,
    run: (size) => run(stock, profile, size),
  };
}

/** One round of both: in seconds. */
interface Pace {
  ours: Spread;
  bare: Spread;
}

interface Found {
  first: Pace;
  later: Pace;
  filling: Filling;
}

async function run(stock: Stock, profile: Profile, size: Size): Promise<Finding> {
  const platform = await stock.begin(profile);
  await makeBatch(platform, { prefix: "FIRST", count: BATCH });
  const first = await takeTurns(platform, size, size.rounds);
  const filling = await stock.fill(profile);
  const later = await takeTurns(platform, size, 3);
  await recount(platform);
  const found: Found = { first, later, filling };
  return {
    goals: goalsOf(found),
    table: {
      columns: ["", "seconds for 10,000", "least – most", "bare inserts alone", "cards per second"],
      rows: rowsOf(found),
    },
    plots: [],
  };
}

async function takeTurns(platform: CardPlatform, { rule }: Size, rounds: number): Promise<Pace> {
  const bare = await openBareCards(platform);
  const took = { ours: [] as number[], bare: [] as number[] };
  await bare.insert(BATCH / 10);
  for (let round = 1; round <= rounds; round++) {
    rule();
    took.ours.push((await makeBatch(platform, { prefix: "TURN", count: BATCH })).seconds);
    took.bare.push(await bare.insert(BATCH));
    const [ours, alone] = [took.ours.at(-1)!, took.bare.at(-1)!];
    console.log(
      `  ${round}/${rounds} ${platform.profile}: ${rounded(ours)} s, bare ${rounded(alone)} s`,
    );
  }
  await bare.close();
  return { ours: spreadOf(took.ours), bare: spreadOf(took.bare) };
}

function goalsOf({ first, filling: { growth, history, cards } }: Found): Goal[] {
  return [
    {
      claim: "seconds from the request for 10,000 cards until they are there",
      value: first.ours.median,
      most: 1,
    },
    {
      claim: `MiB that the worker grows by with the second half of ${cards} cards`,
      value: growth.worker / MIB,
      most: 20,
    },
    {
      claim: "MiB that the API grows by meanwhile",
      value: growth.api / MIB,
      most: 20,
    },
    {
      claim: "events in the history of that batch's workflow",
      value: history.events,
      most: 1000,
    },
  ];
}

function rowsOf({ first, later, filling }: Found) {
  const { cards, seconds } = filling;
  const row = (name: string, { ours, bare }: Pace) => [
    name,
    rounded(ours.median),
    `${rounded(ours.least)} – ${rounded(ours.most)}`,
    rounded(bare.median),
    Math.round(BATCH / ours.median),
  ];
  return [
    row("10,000", first),
    [
      `${cards} as one batch`,
      rounded((seconds / cards) * BATCH),
      "",
      "",
      Math.round(cards / seconds),
    ],
    row(`10,000 beside ${cards}`, later),
  ];
}
