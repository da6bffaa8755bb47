export { cardBatch } from "./batch.ts";
