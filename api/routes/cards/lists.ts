import { namesOf, noteExport, pageOfCards, sumCards } from "../../../models/cards/index.ts";
import { exportCards as write } from "../../card-export.ts";
import { findProduct, reachOf } from "../../policies/cards.ts";
import { route } from "../../route.ts";
import {
  CardCountsOut,
  CardCountsQuery,
  CardExportQuery,
  CardsOut,
  CardsQuery,
  presentCards,
  presentCounts,
} from "../../schemas/cards/lists.ts";
import { filtersOf } from "./filters.ts";

export const listCards = route({
  method: "get",
  path: "/api/v1/cards",
  summary: "Cards that match, by their making; a text is a whole code, or the whole of a part",
  access: "cards:read",
  query: CardsQuery,
  returns: [200, CardsOut],
  async handle({ actor, query: { after, limit, ...asked }, services }) {
    const found = await pageOfCards(await filtersOf(actor, asked, services), { after, limit });
    return presentCards(found, await namesOf(found.items), asked.text !== undefined);
  },
});

export const countAllCards = route({
  method: "get",
  path: "/api/v1/cards/statistics",
  summary: "How many cards there are in each state: all that you may see, or those of a product",
  access: "cards:read",
  query: CardCountsQuery,
  returns: [200, CardCountsOut],
  async handle({ actor, query: { product } }) {
    const named = product === undefined ? undefined : [(await findProduct(actor, product)).id];
    return presentCounts(await sumCards(named ?? (await reachOf(actor))));
  },
});

export const exportCards = route({
  method: "get",
  path: "/api/v1/cards/export",
  summary: "The codes of the cards that match, as a file; as text those that nobody has used",
  access: "cards:export",
  query: CardExportQuery,
  returns: "export",
  async handle(call) {
    const { actor, query, services } = call;
    const { format, ...asked } = query;
    const status = asked.status ?? (format === "txt" ? ("unused" as const) : undefined);
    const filters = await filtersOf(actor, { ...asked, status, sort: "newest" }, services);
    const { text: _, ...said } = asked;
    await noteExport(services.database, { format, ...said, status }, call);
    return write(format, filters, services);
  },
});
