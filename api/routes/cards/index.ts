export * from "./batches.ts";
export * from "./bulks.ts";
export * from "./imports.ts";
export * from "./lists.ts";
export * from "./terms.ts";
export {
  banCard,
  deleteCard,
  editCard,
  extendCard,
  readCard,
  reinstateCard,
  restoreCard,
  suspendCard,
  transferCard,
  unbindCard,
} from "./cards.ts";
export { readCardHealth, readCardStatus, validateCode } from "./clients.ts";
export { issueLicence, readCardKeys } from "./licences.ts";
