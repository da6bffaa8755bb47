import type { CardOrder } from "../../../domain/cards/verbs.ts";
import { workflowId } from "../../../domain/ids.ts";
import {
  type Card,
  type CardAsker,
  changeCard,
  deleteCard as remove,
  editCard as edit,
  restoreCard as restore,
  surroundingsOf,
  transferTime,
  unbindMachine,
} from "../../../models/cards/index.ts";
import { refusal } from "../../../domain/errors.ts";
import { findCard, findNewTerms } from "../../policies/cards.ts";
import { mayChange, tagOf } from "../../preconditions.ts";
import { type Call, route } from "../../route.ts";
import {
  CardEdit,
  CardId,
  CardOut,
  CardVerbOrder,
  Extension,
  presentCard,
  Transfer,
  Unbinding,
} from "../../schemas/cards/cards.ts";
import type { Services } from "../../services.ts";

const PATH = "/api/v1/cards/:id";

export const readCard = route({
  method: "get",
  path: PATH,
  summary: "A card: where it stands, its machines, and what will happen to it by itself",
  access: "cards:read",
  params: CardId,
  returns: [200, CardOut],
  async handle({ actor, params, services, header }) {
    const card = await findCard(actor, params.id, { deleted: true });
    const shown = await showCard(services, card);
    header("ETag", tagOf(JSON.stringify(shown)));
    return shown;
  },
});

export const editCard = route({
  method: "patch",
  path: PATH,
  summary: "Write a note, count uses anew, or sell an unused card by other terms; heeds If-Match",
  access: "cards:change",
  params: CardId,
  body: CardEdit,
  returns: [200, CardOut],
  async handle(call) {
    const { actor, body, header, params, requestHeader, services } = call;
    const card = await findCard(actor, params.id);
    const ifMatch = requestHeader("If-Match");
    if (!mayChange(ifMatch, tagOf(JSON.stringify(await showCard(services, card))))) {
      throw refusal(
        "request/precondition-failed",
        "This card is not what If-Match means: read it again, and change what is there now.",
      );
    }
    const { note, uses_left: usesLeft, ...terms } = body;
    const change = {
      ...(await findNewTerms(actor, card, terms)),
      ...(note !== undefined && { note }),
      ...(usesLeft !== undefined && { usesLeft }),
    };
    const seen = ifMatch === undefined ? undefined : card;
    const edited = await edit(services.database, card.id, change, askerOf(call), seen);
    const shown = await told(services, edited);
    header("ETag", tagOf(JSON.stringify(shown)));
    return shown;
  },
});

export const deleteCard = route({
  method: "delete",
  path: PATH,
  summary: "Delete a card; it can be restored for some time (CARD_RESTORE)",
  access: "cards:change",
  params: CardId,
  returns: [200, CardOut],
  async handle(call) {
    const { actor, params, services } = call;
    const { id } = await findCard(actor, params.id);
    return told(services, await remove(services.database, id, askerOf({ ...call, body: {} })));
  },
});

export const restoreCard = route({
  method: "post",
  path: `${PATH}/restore`,
  summary: "Restore a card that was deleted; its time went by meanwhile",
  access: "cards:change",
  params: CardId,
  body: CardVerbOrder,
  returns: [200, CardOut],
  async handle(call) {
    const { actor, params, services } = call;
    const { id } = await findCard(actor, params.id, { deleted: true });
    const { CARD_RESTORE } = services.env;
    return told(services, await restore(services.database, id, CARD_RESTORE, askerOf(call)));
  },
});

export const extendCard = route({
  method: "post",
  path: `${PATH}/extend`,
  summary: "Give a card more time; one that has expired is good again from now on",
  access: "cards:change",
  params: CardId,
  body: Extension,
  returns: [200, CardOut],
  handle: (call) => change(call, { verb: "extend", ms: call.body.seconds * 1000 }),
});

export const suspendCard = route({
  method: "post",
  path: `${PATH}/suspend`,
  summary: "Suspend a card; its time runs on or stands, as its policy says",
  access: "cards:change",
  params: CardId,
  body: CardVerbOrder,
  returns: [200, CardOut],
  handle: (call) => change(call, { verb: "suspend" }),
});

export const reinstateCard = route({
  method: "post",
  path: `${PATH}/reinstate`,
  summary: "Let a suspended card be used again",
  access: "cards:change",
  params: CardId,
  body: CardVerbOrder,
  returns: [200, CardOut],
  handle: (call) => change(call, { verb: "reinstate" }),
});

export const banCard = route({
  method: "post",
  path: `${PATH}/ban`,
  summary: "Ban a card for good",
  access: "cards:change",
  params: CardId,
  body: CardVerbOrder,
  returns: [200, CardOut],
  handle: (call) => change(call, { verb: "ban" }),
});

export const unbindCard = route({
  method: "post",
  path: `${PATH}/unbind`,
  summary: "Free a card of a machine, so that another one may have its place",
  access: "cards:change",
  params: CardId,
  body: Unbinding,
  returns: [200, CardOut],
  async handle(call) {
    const { actor, body, params, services } = call;
    const { id } = await findCard(actor, params.id);
    const { machine_code: machineCode } = body;
    const card = await unbindMachine(services.database, id, machineCode, askerOf(call));
    return told(services, card);
  },
});

export const transferCard = route({
  method: "post",
  path: `${PATH}/transfer`,
  summary: "Move time from a card to another one of the same product",
  access: "cards:change",
  params: CardId,
  body: Transfer,
  returns: [200, CardOut],
  async handle(call) {
    const { actor, body, params, services } = call;
    const from = await findCard(actor, params.id);
    const { id: toId } = await findCard(actor, body.to);
    const ms = body.seconds === undefined ? undefined : body.seconds * 1000;
    const card = await transferTime(services.database, from.id, { toId, ms }, askerOf(call));
    return told(services, card);
  },
});

type Ordered = Pick<
  Call<{ id: string }, unknown, { reason?: string | undefined }, unknown, "cards:change">,
  "actor" | "address" | "body" | "params" | "requestId" | "services"
>;

async function change(call: Ordered, order: CardOrder) {
  const { actor, params, services } = call;
  const { id } = await findCard(actor, params.id);
  return told(services, await changeCard(services.database, id, order, askerOf(call)));
}

function askerOf({ actor, address, body, requestId, services }: Ordered): CardAsker {
  const mostRuns = services.env.CARD_TIMERS;
  return { actor, address, requestId, reason: body.reason, mostRuns };
}

/** What its timer has to hear is on its way. */
async function told(services: Services, card: Card) {
  await services.bus.announce({ type: "outbox.filled", data: {} });
  return showCard(services, card);
}

async function showCard({ env }: Services, card: Card) {
  const { batch, others } = await surroundingsOf(card);
  const { temporalUiUrl, TEMPORAL_NAMESPACE } = env;
  const id =
    card.timer === "wheel"
      ? workflowId("card-wheel", String(card.shard))
      : workflowId("card", card.id);
  const address = `${temporalUiUrl}/namespaces/${TEMPORAL_NAMESPACE}/workflows/${encodeURIComponent(id)}`;
  return presentCard(card, batch, others, address);
}
