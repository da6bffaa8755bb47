import { createAccountActivities } from "./accounts/index.ts";
import type { AccountTools } from "./accounts/tools.ts";
import { createBillingActivities } from "./billing/index.ts";
import type { BillingTools } from "./billing/tools.ts";
import { createCardActivities } from "./cards/index.ts";
import type { CardTools } from "./cards/tools.ts";
import { createDownloadActivities } from "./downloads/index.ts";
import type { DownloadTools } from "./downloads/tools.ts";
import { createGateActivities, type GateTools } from "./gates/index.ts";
import { createPackageActivities } from "./packages/index.ts";
import type { PackageTools } from "./packages/tools.ts";
import { createProxyActivities } from "./proxies/index.ts";
import type { ProxyTools } from "./proxies/tools.ts";
import { createWebhookActivities } from "./webhooks/index.ts";
import type { WebhookTools } from "./webhooks/tools.ts";

/** Hands each domain the tools it asks for. */
export function createActivities(
  tools: AccountTools &
    BillingTools &
    CardTools &
    DownloadTools &
    GateTools &
    PackageTools &
    ProxyTools &
    WebhookTools,
) {
  return {
    ...createAccountActivities(tools),
    ...createBillingActivities(tools),
    ...createCardActivities(tools),
    ...createDownloadActivities(tools),
    ...createGateActivities(tools),
    ...createPackageActivities(tools),
    ...createProxyActivities(tools),
    ...createWebhookActivities(tools),
  };
}
