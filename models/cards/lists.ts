import { IndexHints, Op, type Transaction, type WhereOptions } from "sequelize";
import { v7 } from "uuid";
import { CARD_STATES, type CardState } from "../../domain/cards.ts";
import { canonicalCode, CODE_PREFIX } from "../../domain/cards/codes.ts";
import { LIMITS } from "../../domain/limits.ts";
import { type Order, type Page, type Place, page, pageBetween } from "../paging.ts";
import { type Database, inTransaction } from "../database.ts";
import { recordAudit } from "../operations.ts";
import type { Origin } from "./batches.ts";
import { Card, CardBatch, CardMachine } from "./tables.ts";

type Asked<T> = { [K in keyof T]?: T[K] | undefined };

/** Which cards are asked for. */
export type CardFilters = { sort: "newest" | "oldest" } & Asked<{
  state: CardState;
  prefix: string;
  batchId: string;
  /** Those of these products and no others. */
  productIds: string[];
  /** Those that were deleted and can be restored, in place of the others. */
  deleted: boolean;
  /** What was found by a text: any of these. */
  found: CardPlace[];
  from: Date;
  to: Date;
}>;

/** What leads to cards by an index that holds them in order. */
export type CardPlace = Partial<
  Pick<
    Card,
    "id" | "codeHash" | "codeTail" | "machineCode" | "note" | "prefix" | "batchId" | "productId"
  >
>;

/**
 * A page of the cards that match, in the order of their making; all that were deleted in the order of that. Each way to
 * them is asked for a page of its own, which its index holds in order, and the first of all of these are the page.
 */
export async function pageOfCards(filters: CardFilters, place: Place): Promise<Page<Card>> {
  const { ways, ...list } = listOf(filters);
  return ways.length === 1
    ? page(Card, { ...ways[0]!, ...list, ...place })
    : pageBetween(Card, { ways, ...list, ...place });
}

/** The cards that match as a list: in which order, and which ways lead to all of them. */
export function listOf(filters: CardFilters) {
  const { sort, ...question } = filters;
  const direction = sort === "oldest" ? "ASC" : "DESC";
  const order: Order = [
    ...(isAllDeleted(filters) ? ([["deletedAt", direction]] as const) : []),
    ["id", direction],
  ];
  const { found: _, ...equal } = filters;
  const conditions = conditionOf(equal);
  const ways = waysTo(filters).map(({ where, index }) => ({
    where: { [Op.and]: [conditions, where] },
    index,
  }));
  return { order, question, ways };
}

/** How many cards match. */
export async function countMatching(filters: CardFilters): Promise<number> {
  return Card.count({ where: conditionOf(filters) });
}

/** What cards meet that match. */
export function conditionOf(filters: Omit<CardFilters, "sort">): WhereOptions {
  const { state, prefix, batchId, productIds, deleted, found, from, to } = filters;
  return {
    deletedAt: deleted ? { [Op.ne]: null } : null,
    ...given({ state, prefix, batchId }),
    ...(productIds && { productId: productIds }),
    ...madeBetween(from, to),
    ...(found && { [Op.or]: found }),
  };
}

/** The next cards that match after the one that was reached, in the order of their ids; each way to them has its index. */
export async function idsAfter(
  filters: CardFilters,
  reached: string | null,
  limit: number,
  transaction: Transaction,
): Promise<string[]> {
  const { found: _, ...equal } = filters;
  const condition = [conditionOf(equal), { id: { [Op.gt]: reached ?? "" } }];
  const ids: string[] = [];
  for (const { where, index } of waysByIds(filters)) {
    const rows = await Card.findAll({
      attributes: ["id"],
      where: { [Op.and]: [...condition, where] },
      order: [["id", "ASC"]],
      limit,
      raw: true,
      transaction,
      ...(index && { indexHints: [{ type: IndexHints.FORCE, values: [index] }] }),
    });
    ids.push(...rows.map(({ id }) => id));
  }
  return [...new Set(ids)].sort().slice(0, limit);
}

/** Those that were found one by one are asked for together; all that were deleted lie in the order of that. */
function waysByIds(filters: CardFilters): Way[] {
  if (isAllDeleted(filters)) return [{ where: {}, index: "PRIMARY" }];
  const { found } = filters;
  if (!found) return waysTo(filters);
  const single = found.flatMap(({ id }) => id ?? []);
  const others = found.filter(({ id }) => id === undefined);
  return [
    ...(single.length > 0 ? [{ where: { id: single }, index: "PRIMARY" }] : []),
    ...others.flatMap((place) => wayTo(place, filters.state)),
  ];
}

/** Writes down that codes leave the platform, before the first of them does. */
export async function noteExport(
  database: Database,
  asked: object,
  { actor, address, requestId }: Origin,
): Promise<void> {
  const from = { actor, ...(address && { address }), ...(requestId && { requestId }) };
  const subject = { subjectKind: "cards", subjectId: "export" };
  await inTransaction(database, (transaction) =>
    recordAudit({ ...from, ...subject, action: "cards.exported", after: asked }, transaction),
  );
}

/** One way to cards: a condition, and the index that holds what meets it in order. */
interface Way {
  where: WhereOptions;
  index: string | undefined;
}

/** Whether nothing leads to the cards that match but that they were deleted. */
function isAllDeleted({ deleted, prefix, batchId, productIds, found }: CardFilters): boolean {
  return deleted === true && [prefix, batchId, productIds, found].every((one) => one === undefined);
}

/** The ways that together lead to all cards that match, the fewest that do. */
function waysTo(filters: CardFilters): Way[] {
  const { state, prefix, batchId, productIds, found } = filters;
  if (found) return found.flatMap((place) => wayTo(place, state));
  if (isAllDeleted(filters)) return [{ where: {}, index: "cards_deleted_at_id" }];
  const each = (places: CardPlace[], index: string) =>
    places.flatMap((one) => inStates(one, state, index));
  if (batchId !== undefined) return each([{ batchId }], "cards_batch_id_state_id");
  if (prefix !== undefined) return each([{ prefix }], "cards_prefix_state_id");
  if (productIds) {
    const places = productIds.map((productId) => ({ productId }));
    return each(places, "cards_product_id_state_id");
  }
  return state
    ? [{ where: { state }, index: "cards_state_id" }]
    : [{ where: {}, index: "cards_deleted_at_id" }];
}

/** The ways by an index that holds the cards of each state in order. */
function inStates(place: CardPlace, state: CardState | undefined, index: string): Way[] {
  const states: readonly CardState[] = state ? [state] : CARD_STATES;
  return states.map((one) => ({ where: { ...place, state: one }, index }));
}

/** The ways to the cards of a place: of those in one state, or of all. */
function wayTo(place: CardPlace, state: CardState | undefined): Way[] {
  const { prefix, batchId, note } = place;
  if (note != null) return inStates(place, state, "cards_note_state_id");
  if (prefix !== undefined) return waysTo({ sort: "newest", prefix, state });
  if (batchId != null) return waysTo({ sort: "newest", batchId, state });
  const [name] = Object.keys(INDEXED).filter((one) => one in place) as (keyof typeof INDEXED)[];
  return [{ where: place, index: name && INDEXED[name] }];
}

const INDEXED = {
  codeTail: "cards_code_tail_id",
  machineCode: "cards_machine_code_id",
} as const;

function given(filters: object): object {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined));
}

/** Cards are in the order of their making by their id, which begins with the moment. */
function madeBetween(from: Date | undefined, to: Date | undefined): object {
  if (!from && !to) return {};
  const first = (at: Date) => v7({ msecs: at.getTime(), seq: 0, random: new Uint8Array(16) });
  return { id: { ...(from && { [Op.gte]: first(from) }), ...(to && { [Op.lt]: first(to) }) } };
}

/** So many batches that are noted like that are looked into. */
const MOST_BATCHES = 5;

/**
 * Where a text may lead: the card whose whole code it is, of which `hashes` are the hashes; else those whose last four
 * characters, prefix, batch, machine or note it is, and those of batches with this note.
 */
export async function findByText(text: string, hashes: readonly string[]): Promise<CardPlace[]> {
  const whole = await Card.findOne({ attributes: ["id"], where: { codeHash: [...hashes] } });
  if (whole) return [{ id: whole.id }];
  const machines = await CardMachine.findAll({
    attributes: ["cardId"],
    where: { machineCode: text },
    limit: LIMITS.listItems,
  });
  const batches = await CardBatch.findAll({
    attributes: ["id"],
    where: { note: text },
    limit: MOST_BATCHES,
  });
  return [
    ...(canonicalCode(text).length === 4 ? [{ codeTail: canonicalCode(text) }] : []),
    ...(CODE_PREFIX.test(text) ? [{ prefix: text }] : []),
    ...(UUID.test(text) ? [{ batchId: text }] : []),
    ...batches.map(({ id }) => ({ batchId: id })),
    ...machines.map(({ cardId }) => ({ id: cardId })),
    { machineCode: text },
    { note: text },
  ];
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
