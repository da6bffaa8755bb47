export {
  abandonHold,
  captureHold,
  type CaptureOrder,
  extendHold,
  findHold,
  holdFunds,
  type HoldOrder,
  refundCapture,
  releaseHold,
  settleShortfall,
} from "./holds.ts";
export { inLedger } from "./posting.ts";
export { quote, setPrices } from "./prices.ts";
export { checkBalances } from "./reconciliation.ts";
export {
  adjustBalance,
  confirmRecharge,
  freeBalance,
  grantWelcome,
  rechargeDirectly,
  rejectRecharge,
  requestRecharge,
} from "./recharges.ts";
export { defineBilling, Hold, LedgerBalance, LedgerEntry, Shortfall } from "./tables.ts";
