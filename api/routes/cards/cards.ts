import { workflowId } from "../../../domain/ids.ts";
import type { CardOrder } from "../../../domain/cards/verbs.ts";
import {
  type Card,
  type CardAsker,
  changeCard,
  surroundingsOf,
  transferTime,
  unbindMachine,
} from "../../../models/cards/index.ts";
import { findCard } from "../../policies/cards.ts";
import { type Call, route } from "../../route.ts";
import {
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
  handle: async ({ actor, params, services }) =>
    showCard(services, await findCard(actor, params.id)),
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
