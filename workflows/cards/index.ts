export { cardEnd, cardReconciliation, cardWheel, lookAgain, turn } from "./timers.ts";
