export { cardBatch } from "./batch.ts";
export { cardBulk } from "./bulk.ts";
export { cardEnd, cardReconciliation, cardWheel, lookAgain, turn } from "./timers.ts";
