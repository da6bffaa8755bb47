export * from "./batches.ts";
export * from "./terms.ts";
export { readCardHealth, readCardStatus, validateCode } from "./clients.ts";
export { issueLicence, readCardKeys } from "./licences.ts";
