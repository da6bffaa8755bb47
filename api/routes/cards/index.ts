export { readCardHealth, readCardStatus, validateCode } from "./clients.ts";
export { issueLicence, readCardKeys } from "./licences.ts";
