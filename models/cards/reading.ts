import { pageOfColumns } from "../paging.ts";
import { type CardFilters, listOf } from "./lists.ts";
import { Card } from "./tables.ts";

const COLUMNS = [
  "id",
  "batchId",
  "codeSealed",
  "state",
  "machineCode",
  "usedAt",
  "expireAt",
  "note",
  "createdAt",
] as const;

/** What is told of a card when many are read: a row, and not a model, which would cost ten times as much. */
export type CardRow = Pick<Card, (typeof COLUMNS)[number]>;

/** So many come together, and so many are in memory of all the ways that lead to cards. */
const TOGETHER = 1_000;
const LEAST_OF_A_WAY = 100;

/** All cards that match, in the order of their list, a thousand at a time. */
export async function* readCards(filters: CardFilters): AsyncGenerator<CardRow[]> {
  const { ways, order, question } = listOf(filters);
  const limit = Math.max(LEAST_OF_A_WAY, Math.ceil(TOGETHER / ways.length));
  const streams = ways.map((way) => follow({ ...way, order, question, limit }));
  const [only] = streams;
  if (streams.length === 1) yield* only!;
  else yield* merge(streams, filters.sort === "oldest" ? -1 : 1);
}

async function* follow(list: Parameters<typeof pageOfColumns>[2]): AsyncGenerator<CardRow[]> {
  for (let after: string | undefined | null; after !== null;) {
    const { items, next } = await pageOfColumns(Card, COLUMNS, { ...list, after });
    if (items.length > 0) yield items;
    after = next;
  }
}

/** Streams in one order of ids (1: falling) as one stream; a card that is in several comes once. */
async function* merge(
  streams: AsyncGenerator<CardRow[]>[],
  direction: 1 | -1,
): AsyncGenerator<CardRow[]> {
  const open: Open[] = [];
  for (const stream of streams) {
    const one: Open = { stream, rows: [], at: -1 };
    if (await advance(one)) open.push(one);
  }
  const isBefore = (one: string, other: string) => (direction === 1 ? one > other : one < other);
  let rows: CardRow[] = [];
  while (open.length > 0) {
    let first = open[0]!;
    for (const one of open) if (isBefore(idOf(one), idOf(first))) first = one;
    const row = first.rows[first.at]!;
    rows.push(row);
    for (const one of open.filter((other) => idOf(other) === row.id)) {
      if (!(await advance(one))) open.splice(open.indexOf(one), 1);
    }
    if (rows.length === TOGETHER) {
      yield rows;
      rows = [];
    }
  }
  if (rows.length > 0) yield rows;
}

/** A stream of which somebody looks at one row. */
interface Open {
  stream: AsyncGenerator<CardRow[]>;
  rows: CardRow[];
  at: number;
}

const idOf = ({ rows, at }: Open) => rows[at]!.id;

/** Looks at the next row; false at the end. */
async function advance(one: Open): Promise<boolean> {
  if (++one.at < one.rows.length) return true;
  const { value, done } = await one.stream.next();
  if (done) return false;
  one.rows = value;
  one.at = 0;
  return true;
}
