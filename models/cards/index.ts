export {
  beginBatch,
  type BatchOrder,
  type BatchProgress,
  changeBatch,
  failBatch,
  orderBatch,
  resumeBatch,
} from "./batches.ts";
export { countCards, sumCards } from "./counts.ts";
export {
  Card,
  CardBatch,
  CardCount,
  CardMachine,
  CardPolicy,
  CardProduct,
  CardSeller,
  CardUse,
  CardWheel,
  defineCards,
} from "./tables.ts";
export { addToBatch, commonOf, type Draft, takenHashes } from "./making.ts";
export {
  changePolicy,
  changeProduct,
  createPolicy,
  createProduct,
  type Names,
  namesOf,
  type PolicyTerms,
  type ProductTerms,
  sellersOf,
  setSeller,
} from "./terms.ts";
export { findShownCard, sealedCode, type ShownCard } from "./showing.ts";
export { type CardDefaults, validateCard } from "./validation.ts";
