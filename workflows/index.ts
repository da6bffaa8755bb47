/** The one list of what a worker serves. */
export { holdExpiry, ledgerReconciliation, rechargePayment } from "./billing/index.ts";
export { cardBatch, cardBulk, cardImport } from "./cards/index.ts";
export { codeDelivery } from "./accounts.ts";
export { cardEnd, cardReconciliation, cardWheel } from "./cards/index.ts";
export { download, mediaFetch, mediaParse, playlist } from "./downloads/index.ts";
export {
  packageBuild,
  packageLine,
  packageRescan,
  packageSweep,
  packageTick,
} from "./packages/index.ts";
export { webhookDelivery } from "./webhooks.ts";
export { invitationDelivery } from "./accounts.ts";
