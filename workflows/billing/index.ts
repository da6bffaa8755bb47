export { holdExpiry } from "./expiry.ts";
export { rechargePayment } from "./payments.ts";
export { ledgerReconciliation } from "./reconciliation.ts";
