/** The one list of what a worker serves. */
export { ledgerReconciliation } from "./billing.ts";
export { rechargePayment } from "./billing/payments.ts";
export { codeDelivery } from "./accounts.ts";
export {
  packageBuild,
  packageLine,
  packageRescan,
  packageSweep,
  packageTick,
} from "./packages/index.ts";
export { webhookDelivery } from "./webhooks.ts";
