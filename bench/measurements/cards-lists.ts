import { type CardPlatform, call, PROFILES } from "../cards/platform.ts";
import { ask } from "../../test/support/leftovers.ts";
import { FILLED, type Stock } from "../cards/stock.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { untilQuiet } from "../product.ts";
import { rounded, type Spread, spreadOf } from "../rounds.ts";

const TURNS_A_ROUND = 5;

/** Every way into a million cards. */
export function cardsLists(stock: Stock): Measurement {
  return {
    name: "cards-lists",
    title: "Lists of cards",
    method:
      "A million cards of one batch, one in sixteen active, one in sixteen expired; each filter and sort of `GET /api/v1/cards` over HTTP, twenty cards a page: the first page, and the page whose cursor stands at the card in the middle of all. Both take turns. Beside them what is asked for whole: a code, and the statistics.",
    run: (size) => run(stock, size),
  };
}

/** A list, by its first page and by one deep inside. */
interface Timed {
  list: string;
  first: Spread;
  deep: Spread | undefined;
}

async function run(stock: Stock, size: Size): Promise<Finding> {
  const found: { profile: string; lists: Timed[]; code: Spread; statistics: Spread }[] = [];
  for (const profile of PROFILES) {
    const { batchId } = await stock.fill(profile);
    const platform = await stock.begin(profile);
    await untilQuiet(platform.product);
    const [sample, middle] = await pick(platform);
    const lists: Timed[] = [];
    for (const list of listsOf(batchId, sample)) {
      lists.push({ list, ...(await time(platform, `/api/v1/cards${list}`, middle.id, size)) });
    }
    const whole = `/api/v1/cards?text=${encodeURIComponent(sample.code)}`;
    const { first: code } = await time(platform, whole, middle.id, size);
    const counted = await time(platform, "/api/v1/cards/statistics", middle.id, size);
    found.push({ profile, lists, code, statistics: counted.first });
  }
  return {
    goals: found.flatMap(({ profile, lists, code, statistics }) => [
      {
        claim: `the slowest deep page, in its first page, on ${profile}`,
        value: Math.max(...lists.map(({ first, deep = first }) => deep.median / first.median)),
        most: 2,
      },
      { claim: `milliseconds for a whole code, on ${profile}`, value: code.median, most: 5 },
      {
        claim: `milliseconds for the statistics, on ${profile}`,
        value: statistics.median,
        most: 5,
      },
    ]),
    table: {
      columns: ["list", ...found.map(({ profile }) => `first and deep page on ${profile}, ms`)],
      rows: found[0]!.lists.map(({ list }, index) => [
        `\`${list.replace(/[0-9a-f-]{36}/, "…") || "/"}\``,
        ...found.map(({ lists }) => {
          const { first, deep } = lists[index]!;
          return `${rounded(first.median)} ${deep ? `and ${rounded(deep.median)}` : ""}`;
        }),
      ]),
    },
    plots: [],
  };
}

interface Sample {
  id: string;
  code: string;
  tail: string;
}

/** A card that is active, and the card in the middle of all. */
async function pick({ database, codes }: CardPlatform): Promise<[Sample, { id: string }]> {
  const [card] = await ask<{ id: string; code_tail: string; code_sealed: string }>(
    database,
    "SELECT id, code_tail, code_sealed FROM cards WHERE state = 'active' LIMIT 1",
  );
  const { id, code_tail: tail, code_sealed: sealed } = card!;
  const [count] = await ask<{ all: number }>(database, "SELECT COUNT(*) AS `all` FROM cards");
  const half = Math.trunc(count!.all / 2);
  const [middle] = await ask<{ id: string }>(
    database,
    `SELECT id FROM cards ORDER BY id LIMIT 1 OFFSET ${half}`,
  );
  return [{ id, code: codes.unseal(sealed, id), tail }, middle!];
}

function listsOf(batchId: string, { id, tail }: Sample): string[] {
  const { prefix, product, note, batchNote } = FILLED;
  const filters = [
    "",
    "status=unused",
    "status=active",
    "status=banned",
    `prefix=${prefix}`,
    `prefix=${prefix}&status=expired`,
    `batch_id=${batchId}`,
    `batch_id=${batchId}&status=active`,
    `product=${product}`,
    `product=${product}&status=unused`,
    `product=${product}&prefix=${prefix}&batch_id=${batchId}`,
    "from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z",
    "status=active&from=2020-01-01T00:00:00Z",
    `text=${tail}`,
    `text=${prefix}`,
    `text=${batchId}`,
    `text=${batchNote}`,
    `text=${note}`,
    `text=${note}&status=active`,
    `text=PC-${id}`,
  ];
  const lists = filters.map((filter) => (filter ? `?${filter}` : ""));
  return [...lists, ...["", "status=unused", `text=${note}`].map((one) => `?sort=oldest&${one}`)];
}

async function time(
  platform: CardPlatform,
  path: string,
  middle: string,
  { rounds, rule }: Size,
): Promise<{ first: Spread; deep: Spread | undefined }> {
  const read = async (address: string) => {
    const began = performance.now();
    const { next } = await call(platform, "GET", address);
    return { tookMs: performance.now() - began, next: next as string | null };
  };
  const { next } = await read(path);
  const mark = path.includes("?") ? "&" : "?";
  const deeper = next && `${path}${mark}after=${cursorAt(middle, next)}`;
  if (deeper) await read(deeper);
  const [firsts, deeps]: [number[], number[]] = [[], []];
  rule();
  for (let turn = 0; turn < rounds * TURNS_A_ROUND; turn++) {
    firsts.push((await read(path)).tookMs);
    if (deeper) deeps.push((await read(deeper)).tookMs);
  }
  return { first: spreadOf(firsts), deep: deeper ? spreadOf(deeps) : undefined };
}

/** The cursor of the same list that stands at another card. */
function cursorAt(cardId: string, cursor: string): string {
  const [list] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as [string, string];
  return Buffer.from(JSON.stringify([list, cardId])).toString("base64url");
}
