export {
  beginBatch,
  type BatchProgress,
  changeBatch,
  failBatch,
  orderBatch,
  resumeBatch,
} from "./batches.ts";
export { type CardCounts, countCards, sumCards } from "./counts.ts";
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
export { beginBulk, failBulk, groupAlike, orderBulk, resumeBulk, undoBulk } from "./bulks.ts";
export { beginImport, failImport, orderImport, resumeImport } from "./imports.ts";
export { stepImport, type StoredLine } from "./import-steps.ts";
export { CardImport, CardImportFault } from "./import-tables.ts";
export { stepBulk } from "./bulk-steps.ts";
export { CardBulk, CardBulkResult } from "./bulk-tables.ts";
export { forgetBulkResults, forgetImportFaults } from "./forgetting.ts";
export { deleteCard, editCard, removeDeletedCards, restoreCard } from "./edits.ts";
export {
  endCardsWith,
  endDueCards,
  lookAtCard,
  type Mended,
  mendTimers,
  MOST_AT_ONCE,
  restWheel,
} from "./expiry.ts";
export { type CardFilters, countMatching, findByText, noteExport, pageOfCards } from "./lists.ts";
export { type CardRow, readCards } from "./reading.ts";
export { addToBatch, sharedTermsOf, type Draft, takenHashes } from "./making.ts";
export {
  changePolicy,
  changeProduct,
  createPolicy,
  createProduct,
  type Names,
  namesOf,
  type PolicyTerms,
  sellersOf,
  setSeller,
} from "./terms.ts";
export {
  findShownCard,
  sealedCode,
  SHOWN_CARD,
  type ShownCard,
  surroundingsOf,
} from "./showing.ts";
export { type CardAsker } from "./holding.ts";
export { changeCard, transferTime, unbindMachine } from "./verbs.ts";
export { type CardDefaults, validateCard } from "./validation.ts";
export { tellSellers } from "./news.ts";
export { taskOfBatch, taskOfBulk, taskOfImport } from "./tasks.ts";
