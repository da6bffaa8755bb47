import { page } from "../../../models/paging.ts";
import {
  replayDelivery as replay,
  WebhookAttempt,
  WebhookDelivery,
} from "../../../models/webhooks/index.ts";
import { findDelivery, findWebhook } from "../../policies/webhooks.ts";
import { route } from "../../route.ts";
import {
  DeliveriesOut,
  DeliveriesQuery,
  DeliveryId,
  DeliveryOut,
  DeliveryWithAttempts,
  presentAttempt,
  presentDelivery,
  WebhookId,
} from "../../schemas/webhooks.ts";
import { deliveryPath } from "./paths.ts";

export const listDeliveries = route({
  method: "get",
  path: "/api/v1/webhooks/:id/deliveries",
  summary: "What was sent to a webhook, or is still to be sent, newest first",
  access: "webhooks:read",
  params: WebhookId,
  query: DeliveriesQuery,
  returns: [200, DeliveriesOut],
  async handle({ actor, params, query: { state, ...place } }) {
    const { id: webhookId } = await findWebhook(actor, params.id);
    const where = { webhookId, ...(state && { state }) };
    const equal = state ? ["webhook_id", "state"] : ["webhook_id"];
    const index = ["webhook_deliveries", ...equal, "created_at", "id"].join("_");
    const list = { where, question: where, index };
    const { items, next } = await page(WebhookDelivery, { ...list, ...place });
    return { items: items.map(presentDelivery), next };
  },
});

export const readDelivery = route({
  method: "get",
  path: "/api/v1/webhooks/:id/deliveries/:delivery",
  summary: "Show one delivery: its message, and every try with what came back",
  access: "webhooks:read",
  params: DeliveryId,
  returns: [200, DeliveryWithAttempts],
  async handle({ actor, params }) {
    const delivery = await findDelivery(await findWebhook(actor, params.id), params.delivery);
    const tries = await WebhookAttempt.findAll({
      where: { deliveryId: delivery.id },
      order: [
        ["round", "ASC"],
        ["number", "ASC"],
      ],
    });
    return {
      ...presentDelivery(delivery),
      body: delivery.body,
      tries: tries.map(presentAttempt),
    };
  },
});

export const replayDelivery = route({
  method: "post",
  path: "/api/v1/webhooks/:id/deliveries/:delivery/replay",
  summary: "Send a delivery again at once, under the same webhook-id, however it ended",
  access: "webhooks:administer",
  params: DeliveryId,
  returns: [202, DeliveryOut],
  async handle(call) {
    const { actor, params, services } = call;
    const found = await findDelivery(await findWebhook(actor, params.id), params.delivery);
    const delivery = await replay(services.database, found, call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    call.header("Location", deliveryPath(delivery));
    return presentDelivery(delivery);
  },
});
