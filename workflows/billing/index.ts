export { holdExpiry } from "./expiry.ts";
export { ledgerReconciliation } from "./reconciliation.ts";
