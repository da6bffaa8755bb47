export { noteResolution } from "./audit.ts";
export {
  abandonHold,
  captureHold,
  type Captured,
  type CaptureOrder,
  extendHold,
  findHold,
  holdFunds,
  type HoldOrder,
  openHoldsOf,
  refundCapture,
  releaseHold,
  reconcileShortfall,
  settleShortfall,
  settleShortfallsOf,
} from "./holds.ts";
export { listBills, listTransactions } from "./lists.ts";
export {
  captureForWork,
  endAbandonedHolds,
  holdForWork,
  orderCapture,
  orderHold,
  orderRefund,
  orderRelease,
} from "./orders.ts";
export { inLedger, lockBalance } from "./posting.ts";
export { findPrice, quote, setPrices } from "./prices.ts";
export { checkBalances, type Checked, noteDifferences } from "./reconciliation.ts";
export {
  adjustBalance,
  confirmRecharge,
  expireRecharge,
  findRecharge,
  freeBalance,
  grantWelcome,
  paymentEnd,
  rechargeDirectly,
  rejectRecharge,
  requestRecharge,
  settleRecharge,
} from "./recharges.ts";
export {
  defineBilling,
  Hold,
  LedgerBalance,
  LedgerEntry,
  Price,
  Recharge,
  Shortfall,
} from "./tables.ts";
