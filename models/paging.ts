import { createHash } from "node:crypto";
import {
  type Attributes,
  DataTypes,
  type FindOptions,
  IndexHints,
  type Model,
  type ModelStatic,
  Op,
  type WhereOptions,
} from "sequelize";
import { refusal } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";

/** What a list is sorted by, first things first; the last column is unique, so that no two rows share a place. */
export type Order = readonly (readonly [column: string, direction: "ASC" | "DESC"])[];

/** Newest first. */
export const NEWEST_FIRST: Order = [
  ["createdAt", "DESC"],
  ["id", "DESC"],
];

/** Oldest first. */
export const OLDEST_FIRST: Order = [
  ["createdAt", "ASC"],
  ["id", "ASC"],
];

/** Which part of a list is asked for: what follows the cursor `after`, or the beginning. */
export interface Place {
  after?: string | undefined;
  limit?: number;
}

/** One page of a list, and the cursor of the next one; null at the end. */
export interface Page<M> {
  items: M[];
  next: string | null;
}

/** A list: which rows in which order. */
export interface List {
  where?: WhereOptions;
  order?: Order;
  /** What was asked, as JSON can hold it: a cursor is good for the same question alone. */
  question?: object;
  /**
   * The index that holds the rows in order. It must be named: MariaDB would otherwise take the one with the fewest
   * columns and walk over all that stands before the cursor, SQLite whichever comes to its mind.
   */
  index?: string | undefined;
}

/**
 * The rows after the cursor `after`, at most `limit`. Rows that come or go meanwhile make none appear twice and none
 * be passed over. A cursor that is not ours, or of another question, refuses `request/invalid`.
 */
export async function page<M extends Model>(
  model: ModelStatic<M>,
  list: List & Place,
): Promise<Page<M>> {
  return cut(await model.findAll(findingOf(model, list)), list);
}

/** The same page with only these columns of its rows, as plain values: for whoever reads a great many. */
export async function pageOfColumns<M extends Model, C extends keyof Attributes<M> & string>(
  model: ModelStatic<M>,
  columns: readonly C[],
  list: List & Place,
): Promise<Page<Pick<Attributes<M>, C>>> {
  const { order = NEWEST_FIRST } = list;
  const attributes = [...new Set([...columns, ...order.map(([column]) => column)])];
  const rows = await model.findAll({ ...findingOf(model, list), attributes, raw: true });
  readMoments(
    rows,
    attributes.filter((column) => isMoment(model, column)),
  );
  return cut(rows as Pick<Attributes<M>, C>[], list);
}

/** SQLite has moments as text, and Sequelize reads those of models alone. */
function readMoments(rows: object[], columns: string[]): void {
  for (const row of rows as Record<string, unknown>[]) {
    for (const column of columns) {
      const value = row[column];
      if (typeof value === "string") row[column] = new Date(value);
    }
  }
}

function findingOf(
  model: ModelStatic<Model>,
  {
    where = {},
    order = NEWEST_FIRST,
    question = {},
    index,
    after,
    limit = LIMITS.listItems,
  }: List & Place,
): FindOptions {
  const list = digestOf(order, question);
  const place = after === undefined ? undefined : readCursor(after, list, order, model);
  return {
    // The cursor first: of two bounds SQLite begins at the one that it is told first.
    where: place ? { [Op.and]: [beyond(order, place), where] } : where,
    order: order.map(([column, direction]) => [column, direction]),
    limit: limit + 1,
    ...(index && { indexHints: [{ type: IndexHints.FORCE, values: [index] }] }),
  };
}

/** What was found, without the one row too many that tells whether there are more. */
function cut<Row extends object>(
  rows: Row[],
  { order = NEWEST_FIRST, question = {}, limit = LIMITS.listItems }: List & Place,
): Page<Row> {
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return { items, next: last ? writeCursor(last, digestOf(order, question), order) : null };
}

/**
 * A page of what several lists hold together, none of them a row of another, all in one order: the first rows of all of
 * their first rows. So each is read by an index of its own.
 */
export async function pageBetween<M extends Model>(
  model: ModelStatic<M>,
  {
    ways,
    ...list
  }: Omit<List, "where" | "index"> & Place & { ways: readonly Pick<List, "where" | "index">[] },
): Promise<Page<M>> {
  const { order = NEWEST_FIRST, question = {}, limit = LIMITS.listItems } = list;
  const pages: Page<M>[] = [];
  for (const way of ways) pages.push(await page(model, { ...list, ...way, limit: limit + 1 }));
  const rows = [...new Map(pages.flatMap(({ items }) => items.map((row) => [keyOf(row), row])))];
  const sorted = rows.map(([, row]) => row).sort((one, other) => compare(one, other, order));
  return cut(sorted, { order, question, limit });
}

const keyOf = (row: Model) => JSON.stringify(row.where());

function compare(one: Model, other: Model, order: Order): number {
  for (const [column, direction] of order) {
    const [a, b] = [one.get(column) as Value, other.get(column) as Value];
    if (a < b) return direction === "ASC" ? -1 : 1;
    if (a > b) return direction === "ASC" ? 1 : -1;
  }
  return 0;
}

/** The condition that `column` is from one moment on and before another; those that are not given bound nothing. */
export function between(column: string, from: Date | undefined, to: Date | undefined): object {
  if (!from && !to) return {};
  return { [column]: { ...(from && { [Op.gte]: from }), ...(to && { [Op.lt]: to }) } };
}

type Value = string | number | Date;

/**
 * `(a, b) > (x, y)` spelled out, because SQLite and MySQL do not use an index for the tuple when directions differ. What
 * it says of the first column alone stands beside it, because neither finds that in the alternatives.
 */
function beyond(order: Order, place: Value[]): WhereOptions {
  const [first, direction] = order[0]!;
  const alternatives = order.map(([column, way], at) => ({
    ...Object.fromEntries(order.slice(0, at).map(([equal], n) => [equal, place[n]])),
    [column]: { [way === "ASC" ? Op.gt : Op.lt]: place[at] },
  }));
  return {
    [Op.and]: [
      { [first]: { [direction === "ASC" ? Op.gte : Op.lte]: place[0] } },
      { [Op.or]: alternatives },
    ],
  };
}

/** Tells lists apart in their cursors. */
function digestOf(order: Order, question: object): string {
  const asked = Object.entries(question).filter(([, value]) => value !== undefined);
  const text = JSON.stringify([order, asked.toSorted(([a], [b]) => (a < b ? -1 : 1))]);
  return createHash("sha256").update(text).digest("base64url").slice(0, DIGEST_CHARACTERS);
}

const DIGEST_CHARACTERS = 8;

function writeCursor(row: object, list: string, order: Order): string {
  const place = order.map(([column]) => row[column as keyof object]);
  return Buffer.from(JSON.stringify([list, ...place])).toString("base64url");
}

function readCursor(
  cursor: string,
  list: string,
  order: Order,
  model: ModelStatic<Model>,
): Value[] {
  const [of, ...place] = parse(cursor);
  if (typeof of === "string" && of.length === DIGEST_CHARACTERS && of !== list) {
    throw wrongCursor("It is of a list with other filters or another sort: begin without it.");
  }
  const right =
    of === list &&
    place.length === order.length &&
    order.every(([column], at) => isValueOf(model, column, place[at]));
  if (!right) throw wrongCursor("Take it from `next` of the page before, unchanged.");
  return order.map(([column], at) =>
    isMoment(model, column) ? new Date(place[at] as string) : (place[at] as Value),
  );
}

function wrongCursor(message: string): ReturnType<typeof refusal> {
  return refusal("request/invalid", "Take the cursor from `next` of the page before.", {
    issues: [{ path: "after", in: "query", message }],
  });
}

function parse(cursor: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

function isMoment(model: ModelStatic<Model>, column: string): boolean {
  return model.getAttributes()[column]?.type instanceof DataTypes.DATE;
}

function isValueOf(model: ModelStatic<Model>, column: string, value: unknown): boolean {
  if (model.getAttributes()[column]?.type instanceof DataTypes.NUMBER) {
    return Number.isSafeInteger(value);
  }
  return typeof value === "string" && !(isMoment(model, column) && Number.isNaN(Date.parse(value)));
}
