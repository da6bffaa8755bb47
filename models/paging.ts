import { DataTypes, type Model, type ModelStatic, Op, type WhereOptions } from "sequelize";
import { refusal } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";

/** What a list is sorted by, first things first; the last column is unique, so that no two rows share a place. */
export type Order = readonly (readonly [column: string, direction: "ASC" | "DESC"])[];

/** Newest first. */
export const NEWEST_FIRST: Order = [
  ["createdAt", "DESC"],
  ["id", "DESC"],
];

/** One page of a list, and the cursor of the next one; null at the end. */
export interface Page<M> {
  items: M[];
  next: string | null;
}

/**
 * The rows after the cursor `after`, at most `limit`. Rows that come or go meanwhile make none appear twice and none
 * be passed over. A cursor that is not ours refuses `request/invalid`.
 */
export async function page<M extends Model>(
  model: ModelStatic<M>,
  {
    where = {},
    order = NEWEST_FIRST,
    after,
    limit = LIMITS.listItems,
  }: { where?: WhereOptions; order?: Order; after?: string | undefined; limit?: number },
): Promise<Page<M>> {
  const place = after === undefined ? undefined : readCursor(after, order, model);
  const rows = await model.findAll({
    where: place ? { [Op.and]: [where, beyond(order, place)] } : where,
    order: order.map(([column, direction]) => [column, direction]),
    limit: limit + 1,
  });
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return { items, next: last ? writeCursor(last, order) : null };
}

type Value = string | number | Date;

/** `(a, b) > (x, y)` spelled out, because SQLite and MySQL do not use an index for the tuple when directions differ. */
function beyond(order: Order, place: Value[]): WhereOptions {
  return {
    [Op.or]: order.map(([column, direction], at) => ({
      ...Object.fromEntries(order.slice(0, at).map(([equal], n) => [equal, place[n]])),
      [column]: { [direction === "ASC" ? Op.gt : Op.lt]: place[at] },
    })),
  };
}

function writeCursor(row: Model, order: Order): string {
  const place = order.map(([column]) => row.get(column));
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

function readCursor(cursor: string, order: Order, model: ModelStatic<Model>): Value[] {
  const place = parse(cursor);
  const right =
    Array.isArray(place) &&
    place.length === order.length &&
    order.every(([column], at) => isValueOf(model, column, place[at]));
  if (!right) {
    throw refusal("request/invalid", "Take the cursor from `next` of the page before.", {
      issues: [
        {
          path: "after",
          in: "query",
          message: "Take it from `next` of the page before, unchanged.",
        },
      ],
    });
  }
  return order.map(([column], at) =>
    isMoment(model, column) ? new Date(place[at] as string) : (place[at] as Value),
  );
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    return undefined;
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
