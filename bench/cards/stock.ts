import { NO_PRODUCT } from "../../domain/cards.ts";
import { until } from "../../test/support/until.ts";
import { untilQuiet } from "../product.ts";
import {
  call,
  type CardPlatform,
  historyOf,
  makeBatch,
  type Profile,
  residentBytes,
  startCardPlatform,
} from "./platform.ts";

/** What it took to make all cards of a stock as one batch. */
export interface Filling {
  batchId: string;
  cards: number;
  seconds: number;
  history: { events: number; bytes: number };
  /** The most bytes that each part had while the second half was made, beyond the most it had before. */
  growth: { api: number; worker: number };
}

/** Platforms with many cards, which measurements share: each is started and filled when it is first asked for. */
export interface Stock {
  /** Without cards, unless somebody has filled it. */
  begin(profile: Profile): Promise<CardPlatform>;
  /** With all cards of one large batch: some of them active or expired, most of them unused. */
  fill(profile: Profile): Promise<Filling>;
  /** Ends all. */
  end(): Promise<void>;
}

/** What cards of the large batch, and some of them, can be found by. */
export const FILLED = { prefix: "BIG", product: "bench", batchNote: "many", note: "resold" };

/** A stock of so many cards on each profile. */
export function createStock(cards: number): Stock {
  const begun = new Map<Profile, Promise<CardPlatform>>();
  const filled = new Map<Profile, Promise<Filling>>();
  const begin = (profile: Profile) => once(begun, profile, () => startCardPlatform(profile));
  return {
    begin,
    fill: (profile) =>
      once(filled, profile, async () => {
        const platform = await begin(profile);
        const filling = await fill(platform, cards);
        await vary(platform);
        return filling;
      }),
    async end() {
      for (const platform of begun.values()) await (await platform).remove();
      begun.clear();
      filled.clear();
    },
  };
}

function once<K, V>(made: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  const value = made.get(key) ?? make();
  made.set(key, value);
  return value;
}

async function fill(platform: CardPlatform, cards: number): Promise<Filling> {
  const { prefix, product, batchNote: note } = FILLED;
  await call(platform, "POST", "/api/v1/cards/products", { slug: product, name: "Bench" });
  // Once warm, all code is there that takes memory.
  await makeBatch(platform, { prefix: "WARM", count: 10_000 });
  const parts = { api: platform.product.api, worker: platform.worker };
  const seen = { api: [] as number[], worker: [] as number[] };
  let over = false;
  const watching = until(async () => {
    for (const part of ["api", "worker"] as const)
      seen[part].push(await residentBytes(parts[part]));
    return over;
  }, 600_000);
  const { id: batchId, seconds } = await makeBatch(platform, {
    prefix,
    count: cards,
    product,
    note,
  });
  over = true;
  await watching;
  const history = await historyOf(platform, `card-batch/${batchId}`);
  const growth = { api: growthOf(seen.api), worker: growthOf(seen.worker) };
  return { batchId, cards, seconds, history, growth };
}

/** What comes and goes with every stretch is no growth: the most of the second half, beyond the most of the first. */
function growthOf(bytes: readonly number[]): number {
  const half = Math.ceil(bytes.length / 2);
  return Math.max(...bytes.slice(half)) - Math.max(...bytes.slice(0, half));
}

/** Every sixteenth card is active on a machine of its own, with a note, and every sixteenth has expired. */
async function vary(platform: CardPlatform): Promise<void> {
  const { sequelize, dialect } = platform.database;
  const then = "'2026-01-01 00:00:00.000'";
  const machine = dialect === "mysql" ? "CONCAT('PC-', id)" : "'PC-' || id";
  const used = `machine_code = ${machine}, machines = 1, used_at = ${then}`;
  await sequelize.query(
    `UPDATE cards SET state = 'active', ${used}, note = '${FILLED.note}' WHERE shard = 1`,
  );
  await sequelize.query(
    `UPDATE cards SET state = 'expired', ${used}, expire_at = ${then} WHERE shard = 2`,
  );
  await recount(platform);
  if (dialect === "mysql") await sequelize.query("ANALYZE TABLE cards");
  await untilQuiet(platform.product);
}

/** Makes the counts what they are, after cards were changed by hand. */
export async function recount({ database: { sequelize } }: CardPlatform): Promise<void> {
  const counted = ["unused", "active", "suspended", "expired", "banned"];
  const sums = counted.map((state) => `SUM(CASE WHEN state = '${state}' THEN 1 ELSE 0 END)`);
  await sequelize.query("DELETE FROM card_counts");
  await sequelize.query(
    `INSERT INTO card_counts (product_id, slot, ${counted.join(", ")}, deleted)
       SELECT COALESCE(product_id, '${NO_PRODUCT}'), 0, ${sums.join(", ")}, 0 FROM cards GROUP BY 1`,
  );
}
