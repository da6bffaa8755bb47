import { forecast } from "../../../domain/cards/bulk.ts";
import {
  Card,
  CardBulk,
  CardBulkResult,
  type CardFilters,
  groupAlike,
  orderBulk,
  resumeBulk,
  undoBulk,
} from "../../../models/cards/index.ts";
import { page } from "../../../models/paging.ts";
import { may } from "../../../domain/accounts.ts";
import { demandResults, findBulk } from "../../policies/cards.ts";
import { Forecast, route } from "../../route.ts";
import {
  BulkForecastOut,
  BulkId,
  BulkOut,
  BulkResultsOut,
  BulkResultsQuery,
  BulksOut,
  BulksQuery,
  NewBulk,
  presentBulk,
  presentForecast,
  presentResults,
  readOrder,
} from "../../schemas/cards/bulks.ts";
import type { Services } from "../../services.ts";
import { filtersOf } from "./filters.ts";
import { orderedId } from "./order-ids.ts";

const PATH = "/api/v1/cards/bulk";

export const orderCardBulk = route({
  method: "post",
  path: PATH,
  summary: "Do something with all cards that match, in the background; or hear what would happen",
  access: "cards:change",
  body: NewBulk,
  returns: [202, BulkOut, [200, BulkForecastOut]],
  async handle(call) {
    const { actor, body, services } = call;
    const order = readOrder(body);
    const { ids, ...filter } = body.filter;
    const deleted = body.verb === "restore";
    const found = await filtersOf(actor, { ...filter, deleted, sort: "oldest" }, services);
    const filters: CardFilters = { ...found, ...(ids && { found: ids.map((id) => ({ id })) }) };
    if (body.dry_run) {
      const now = new Date();
      const groups = await groupAlike(filters, now);
      return new Forecast(presentForecast(body.verb, forecast(groups, order, now)));
    }
    // A text may be a whole code, which is kept nowhere.
    const { text, ...asked } = body.filter;
    const bulk = await orderBulk(
      services.database,
      {
        id: orderedId("card-bulk", call),
        order,
        filters,
        asked: { ...asked, ...(text !== undefined && { text: "…" }) },
        reason: body.reason ?? null,
        accountId: actor.accountId,
      },
      call,
    );
    call.header("Location", `${PATH}/${bulk.id}`);
    return told(services, bulk);
  },
});

export const listCardBulks = route({
  method: "get",
  path: PATH,
  summary: "What was ordered of many cards at once, newest first: all of it, or one's own",
  access: "cards:read",
  query: BulksQuery,
  returns: [200, BulksOut],
  async handle({ actor, query, services }) {
    const own = may(actor, "cards:oversee") ? {} : { accountId: actor.accountId };
    const leading = own.accountId === undefined ? [] : ["account_id"];
    const { items, next } = await page(CardBulk, {
      where: own,
      question: own,
      index: ["card_bulks", ...leading, "created_at", "id"].join("_"),
      ...query,
    });
    return { items: items.map((row) => show(services, row)), next };
  },
});

export const readCardBulk = route({
  method: "get",
  path: `${PATH}/:id`,
  summary: "How far it is what was ordered of many cards",
  access: "cards:read",
  params: BulkId,
  returns: [200, BulkOut],
  handle: async ({ actor, params, services }) => show(services, await findBulk(actor, params.id)),
});

export const listCardBulkResults = route({
  method: "get",
  path: `${PATH}/:id/results`,
  summary: "What became of each card: what it was and is, or why it was refused",
  access: "cards:read",
  params: BulkId,
  query: BulkResultsQuery,
  returns: [200, BulkResultsOut],
  async handle({ actor, params, query: { outcome, ...place } }) {
    const bulk = await findBulk(actor, params.id);
    demandResults(bulk);
    const where = { bulkId: bulk.id, ...(outcome && { outcome }) };
    const found = await page(CardBulkResult, {
      where,
      question: where,
      order: [["cardId", "ASC"]],
      index: outcome ? "card_bulk_results_bulk_id_outcome_card_id" : "PRIMARY",
      ...place,
    });
    const named = await Card.findAll({
      attributes: ["id", "prefix", "codeTail"],
      where: { id: found.items.map(({ cardId }) => cardId) },
    });
    return presentResults(found, named);
  },
});

export const undoCardBulk = route({
  method: "post",
  path: `${PATH}/:id/undo`,
  summary: "Undo what was done with many cards, while it goes on and for a while after its end",
  access: "cards:change",
  params: BulkId,
  returns: [202, BulkOut],
  async handle(call) {
    const { actor, params, services } = call;
    const { id } = await findBulk(actor, params.id);
    const { CARD_BULK_UNDO } = services.env;
    return told(services, await undoBulk(services.database, id, CARD_BULK_UNDO, call));
  },
});

export const resumeCardBulk = route({
  method: "post",
  path: `${PATH}/:id/resume`,
  summary: "Let what has failed on its way through many cards go on from where it stands",
  access: "cards:change",
  params: BulkId,
  returns: [202, BulkOut],
  async handle(call) {
    const { actor, params, services } = call;
    const { id } = await findBulk(actor, params.id);
    return told(services, await resumeBulk(services.database, id, call));
  },
});

async function told(services: Services, bulk: CardBulk) {
  await services.bus.announce({ type: "outbox.filled", data: {} });
  return show(services, bulk);
}

function show({ env }: Services, bulk: CardBulk) {
  const { CARD_BULK_UNDO: undoSeconds, CARD_RESULTS: resultsSeconds } = env;
  return presentBulk(bulk, { undoSeconds, resultsSeconds });
}
