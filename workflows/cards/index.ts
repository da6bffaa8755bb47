export { cardBatch } from "./batch.ts";
export { cardBulk } from "./bulk.ts";
export { cardImport } from "./import.ts";
export { cardEnd, cardReconciliation, cardWheel, lookAgain, turn } from "./timers.ts";
