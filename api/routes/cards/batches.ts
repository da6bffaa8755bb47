import { may } from "../../../domain/accounts.ts";
import { refusal } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import {
  CardBatch,
  changeBatch,
  namesOf,
  orderBatch,
  resumeBatch,
} from "../../../models/cards/index.ts";
import { page } from "../../../models/paging.ts";
import { findBatch, findProduct, findTerms, reachOf } from "../../policies/cards.ts";
import { route } from "../../route.ts";
import {
  BatchChange,
  BatchesOut,
  BatchesQuery,
  BatchId,
  BatchOut,
  NewBatch,
  presentBatch,
} from "../../schemas/cards/batches.ts";
import { orderedId } from "./order-ids.ts";

const PATH = "/api/v1/cards/batches";

export const orderCards = route({
  method: "post",
  path: PATH,
  summary: "Order cards: they are made in the background, and their batch says how far it is",
  access: "cards:generate",
  body: NewBatch,
  returns: [202, BatchOut],
  async handle(call) {
    const { actor, body, services } = call;
    const { policy, product, confirm, code_length: codeLength, note = null, ...order } = body;
    if (order.count > LIMITS.batchCards && !(confirm && may(actor, "cards:administer"))) {
      throw refusal(
        "cards/confirmation-needed",
        `More than ${LIMITS.batchCards} cards are for administrators to order, with "confirm": true.`,
      );
    }
    const terms = await findTerms(actor, { policy, product });
    const batch = await orderBatch(
      services.database,
      {
        id: orderedId("card-batch", call),
        accountId: actor.accountId,
        codeLength,
        note,
        ...order,
        ...terms,
      },
      call,
    );
    await services.bus.announce({ type: "outbox.filled", data: {} });
    call.header("Location", `${PATH}/${batch.id}`);
    return show(batch);
  },
});

export const listCardBatches = route({
  method: "get",
  path: PATH,
  summary: "Batches of cards, newest first",
  access: "cards:read",
  query: BatchesQuery,
  returns: [200, BatchesOut],
  async handle({ actor, query: { status, prefix, product, ...place } }) {
    const productId = product === undefined ? undefined : (await findProduct(actor, product)).id;
    const reach = await reachOf(actor);
    const equal = {
      ...(status && { state: status }),
      ...(prefix !== undefined && { prefix }),
      ...(productId !== undefined && { productId }),
    };
    // Of several filters the one that leaves least leads.
    const leading = productId ? ["product_id"] : prefix ? ["prefix"] : status ? ["state"] : [];
    const { items, next } = await page(CardBatch, {
      where: { ...(reach && { productId: reach }), ...equal },
      question: { ...equal, reach },
      index: ["card_batches", ...leading, "created_at", "id"].join("_"),
      ...place,
    });
    const names = await namesOf(items);
    return { items: items.map((row) => presentBatch(row, names)), next };
  },
});

export const readCardBatch = route({
  method: "get",
  path: `${PATH}/:id`,
  summary: "A batch of cards: how many there are, and whether they are good",
  access: "cards:read",
  params: BatchId,
  returns: [200, BatchOut],
  handle: async ({ actor, params }) => show(await findBatch(actor, params.id)),
});

export const changeCardBatch = route({
  method: "patch",
  path: `${PATH}/:id`,
  summary: "Freeze or revoke all cards of a batch at once, or let them be good again; write a note",
  access: "cards:change",
  params: BatchId,
  body: BatchChange,
  returns: [200, BatchOut],
  async handle(call) {
    const { id } = await findBatch(call.actor, call.params.id);
    const { frozen, revoked, note } = call.body;
    const change = {
      ...(frozen !== undefined && { frozen }),
      ...(revoked !== undefined && { revoked }),
      ...(note !== undefined && { note }),
    };
    return show(await changeBatch(call.services.database, id, change, call));
  },
});

export const resumeCardBatch = route({
  method: "post",
  path: `${PATH}/:id/resume`,
  summary: "Let a batch that failed go on from where it stands",
  access: "cards:generate",
  params: BatchId,
  returns: [202, BatchOut],
  async handle(call) {
    const { id } = await findBatch(call.actor, call.params.id);
    const batch = await resumeBatch(call.services.database, id, call);
    await call.services.bus.announce({ type: "outbox.filled", data: {} });
    return show(batch);
  },
});

async function show(batch: CardBatch) {
  return presentBatch(batch, await namesOf([batch]));
}
