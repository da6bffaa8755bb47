import type { WebhookDelivery } from "../../../models/webhooks/index.ts";

export function webhookPath(id: string): string {
  return `/api/v1/webhooks/${id}`;
}

export function deliveryPath({ id, webhookId }: WebhookDelivery): string {
  return `${webhookPath(webhookId)}/deliveries/${id}`;
}
