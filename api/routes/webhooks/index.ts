export {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  listWebhooks,
  readWebhook,
  rotateWebhookSecret,
  testWebhook,
} from "./management.ts";
export { listDeliveries, readDelivery, replayDelivery } from "./deliveries.ts";
