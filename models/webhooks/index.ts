export {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  replayDelivery,
  rotateSecret,
  switchOff,
  testWebhook,
} from "./changes.ts";
export {
  admitAttempt,
  type DeliveryMove,
  type DeliveryRound,
  forgetDeliveries,
  moveDelivery,
  noteAttempt,
} from "./deliveries.ts";
export { emit, emitAll } from "./emission.ts";
export { defineWebhooks, secretPlace, Webhook, WebhookAttempt, WebhookDelivery } from "./tables.ts";
