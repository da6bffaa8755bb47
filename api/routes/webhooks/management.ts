import { page } from "../../../models/paging.ts";
import {
  changeWebhook as change,
  createWebhook as create,
  deleteWebhook as remove,
  rotateSecret,
  secretPlace,
  testWebhook as sendTest,
  Webhook,
} from "../../../models/webhooks/index.ts";
import { deriveKey, makeSigningSecret, newId, seal } from "../../../platform/crypto.ts";
import {
  assertMayHear,
  assertReachable,
  findWebhook,
  webhooksOf,
} from "../../policies/webhooks.ts";
import { route } from "../../route.ts";
import { Done, PageQuery } from "../../schemas/accounts.ts";
import {
  DeliveryOut,
  NewWebhook,
  presentDelivery,
  presentWebhook,
  WebhookChange,
  WebhookId,
  WebhookOut,
  WebhooksOut,
  WebhookWithSecret,
} from "../../schemas/webhooks.ts";
import type { Services } from "../../services.ts";
import { deliveryPath, webhookPath } from "./paths.ts";

export const createWebhook = route({
  method: "post",
  path: "/api/v1/webhooks",
  summary: "Have events sent to an address; the answer shows the signing secret once",
  access: "webhooks:administer",
  secret: true,
  body: NewWebhook,
  returns: [201, WebhookWithSecret],
  async handle(call) {
    const { actor, body, services } = call;
    assertMayHear(actor, body.events);
    await assertReachable(services.outbound, body.url);
    const id = newId();
    const { secret, sealed } = makeSecret(services, id);
    const { url, events, description = null } = body;
    const keyId = actor.packages ? actor.keyId! : null;
    const terms = { id, ownerId: actor.accountId, keyId, url, events, description };
    const row = await create(services.database, { ...terms, secret: sealed }, call);
    call.header("Location", webhookPath(id));
    return { ...presentWebhook(row), secret };
  },
});

export const listWebhooks = route({
  method: "get",
  path: "/api/v1/webhooks",
  summary: "Your webhooks, newest first; everybody's for who oversees them",
  access: "webhooks:read",
  query: PageQuery,
  returns: [200, WebhooksOut],
  async handle({ actor, query }) {
    const where = webhooksOf(actor);
    const index = [...("ownerId" in where ? ["owner_id"] : []), "created_at", "id"].join("_");
    const list = { where, question: where, index: `webhooks_${index}` };
    const { items, next } = await page(Webhook, { ...list, ...query });
    return { items: items.map((row) => presentWebhook(row)), next };
  },
});

export const readWebhook = route({
  method: "get",
  path: "/api/v1/webhooks/:id",
  summary: "Show one webhook",
  access: "webhooks:read",
  params: WebhookId,
  returns: [200, WebhookOut],
  handle: async ({ actor, params }) => presentWebhook(await findWebhook(actor, params.id)),
});

export const changeWebhook = route({
  method: "patch",
  path: "/api/v1/webhooks/:id",
  summary: "Change a webhook: its address, events, description or state",
  access: "webhooks:administer",
  params: WebhookId,
  body: WebhookChange,
  returns: [200, WebhookOut],
  async handle(call) {
    const { actor, body, params, services } = call;
    const { id } = await findWebhook(actor, params.id);
    if (body.events) assertMayHear(actor, body.events);
    if (body.url !== undefined) await assertReachable(services.outbound, body.url);
    const row = await change(services.database, id, given(body), call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    return presentWebhook(row);
  },
});

export const deleteWebhook = route({
  method: "delete",
  path: "/api/v1/webhooks/:id",
  summary: "Remove a webhook and the log of its deliveries",
  access: "webhooks:administer",
  params: WebhookId,
  returns: [200, Done],
  async handle(call) {
    const { id } = await findWebhook(call.actor, call.params.id);
    await remove(call.services.database, id, call);
    return { message: "Webhook removed", success: true as const };
  },
});

export const rotateWebhookSecret = route({
  method: "post",
  path: "/api/v1/webhooks/:id/rotate-secret",
  summary: "Make a new signing secret, shown once; the one before signs too for a day",
  access: "webhooks:administer",
  secret: true,
  params: WebhookId,
  returns: [200, WebhookWithSecret],
  async handle(call) {
    const { id } = await findWebhook(call.actor, call.params.id);
    const { secret, sealed } = makeSecret(call.services, id);
    const row = await rotateSecret(call.services.database, id, sealed, call);
    return { ...presentWebhook(row), secret };
  },
});

export const testWebhook = route({
  method: "post",
  path: "/api/v1/webhooks/:id/test",
  summary: "Send the event webhook.tested to an active webhook",
  access: "webhooks:administer",
  params: WebhookId,
  returns: [202, DeliveryOut],
  async handle(call) {
    const { services } = call;
    const { id } = await findWebhook(call.actor, call.params.id);
    const event = { id: newId(), type: "webhook.tested", data: { webhook: id } } as const;
    const delivery = await sendTest(services.database, id, event, call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    call.header("Location", deliveryPath(delivery));
    return presentDelivery(delivery);
  },
});

/** A secret as its holder gets it, and as it is kept. */
function makeSecret({ secretKey }: Services, webhookId: string) {
  const secret = makeSigningSecret();
  return { secret, sealed: seal(deriveKey(secretKey, "columns"), secret, secretPlace(webhookId)) };
}

/** Only what was said: a field that was not given is not changed. */
function given<T extends object>(body: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const said = Object.entries(body).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said) as { [K in keyof T]: Exclude<T[K], undefined> };
}
