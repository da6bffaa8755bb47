export { cardBatch } from "./batch.ts";
export { cardEnd, cardReconciliation, cardWheel, lookAgain, turn } from "./timers.ts";
